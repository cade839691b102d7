package logs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// group is a log group as it is stored; its id is its name.
type group struct {
	Journal   journal.GroupID   `json:"journal"`
	Created   int64             `json:"created"` // Unix milliseconds
	Class     string            `json:"class"`
	Retention int32             `json:"retentionInDays,omitzero"` // 0: for ever
	Tags      map[string]string `json:"tags,omitzero"`
}

// oldest is the time of the oldest event that the group still shows.
func (g *group) oldest(now int64) int64 {
	if g.Retention == 0 {
		return 0
	}
	return now - int64(g.Retention)*(24*time.Hour).Milliseconds()
}

// group returns the caller's log group of that name.
func (s *Service) group(ctx context.Context, name string) (*group, error) {
	row, ok := s.groups.Get(scopeOf(ctx), name)
	if !ok {
		return nil, errNoGroup
	}
	return row.Value, nil
}

// CreateLogGroup makes a log group.
func (s *Service) CreateLogGroup(ctx context.Context, in *api.CreateLogGroupRequest) (*schema.Empty, error) {
	if strings.HasPrefix(in.LogGroupName, "aws/") {
		return nil, wire.Errorf(api.InvalidParameterException, "Log groups starting with AWS/ are reserved for AWS.")
	}
	g := &group{Journal: journal.GroupID(rand.Uint64()), Created: s.millis(), Class: string(in.LogGroupClass), Tags: in.Tags}
	if g.Class == "" {
		g.Class = string(api.LogGroupClassStandard)
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error { return s.groups.Create(tx, scopeOf(ctx), in.LogGroupName, g) })
	if errors.Is(err, store.ErrExists) {
		return nil, wire.Errorf(api.ResourceAlreadyExistsException, "The specified log group already exists")
	}
	return nil, answer(err)
}

// DeleteLogGroup deletes a log group with its streams and events.
func (s *Service) DeleteLogGroup(ctx context.Context, in *api.DeleteLogGroupRequest) (*schema.Empty, error) {
	var id journal.GroupID
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		g, ok := s.groups.GetTx(tx, scopeOf(ctx), in.LogGroupName)
		if !ok {
			return errNoGroup
		}
		id = g.Journal
		return s.groups.Delete(tx, scopeOf(ctx), in.LogGroupName)
	})
	if err != nil {
		return nil, answer(err)
	}
	return nil, answer(s.journal.DropGroup(ctx, id))
}

// change changes the caller's log group of that name.
func (s *Service) change(ctx context.Context, name string, change func(g *group) error) error {
	err := s.db.Update(ctx, func(tx *store.Tx) error { return s.groups.Modify(tx, scopeOf(ctx), name, change) })
	return answer(err)
}

// retentionDays are the retentions that CloudWatch Logs knows.
var retentionDays = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// PutRetentionPolicy sets for how many days a group keeps events.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *api.PutRetentionPolicyRequest) (*schema.Empty, error) {
	days := deref(in.RetentionInDays)
	if !slices.Contains(retentionDays, days) {
		return nil, wire.Errorf(api.InvalidParameterException, "1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: "+
			"Member must satisfy enum value set: %s", days, strings.ReplaceAll(fmt.Sprint(retentionDays), " ", ", "))
	}
	err := s.change(ctx, in.LogGroupName, func(g *group) error { g.Retention = days; return nil })
	if err == nil {
		s.sweepSoon()
	}
	return nil, err
}

// DeleteRetentionPolicy makes a group keep events for ever.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *api.DeleteRetentionPolicyRequest) (*schema.Empty, error) {
	return nil, s.change(ctx, in.LogGroupName, func(g *group) error { g.Retention = 0; return nil })
}
