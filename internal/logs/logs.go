// Package logs is CloudWatch Logs: groups, streams and events. `berth dev` and `berth server` register it with the wire
// server; the agent's log shipper (internal/agent/logship) and everyone's SDK call it.
//
// Groups are rows of the store: people declare them, Terraform reads them back, every server sees them. Streams and events
// come by the thousands with the tasks and live in a journal (package journal), which is durable before PutLogEvents
// answers. The two meet in the journal's GroupID, which a group draws when it is made: deleting a group deletes the row,
// then what the journal has; what a crash leaves in between belongs to no group, can't be seen, and goes with the next sweep.
//
// Batches from agents (by their own key or by a task's execution role) carry the range of the container's output that they are (package logsource) and are stored once,
// however often they come. Reads never show an event older than the group's retention, whether or not the sweep has
// been there.
package logs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// Service answers the API of CloudWatch Logs.
type Service struct {
	groups  *store.Table[group]
	db      *store.DB
	journal journal.Journal
	log     *slog.Logger
	now     func() time.Time
	kick    chan struct{} // a retention changed: sweep soon
}

// Config sets up a Service.
type Config struct {
	Journal journal.Journal
	Logger  *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// New makes the service and declares its table: it comes before the DB starts. The journal stays the caller's to close.
func New(db *store.DB, config Config) *Service {
	s := &Service{
		groups:  store.NewTable[group](db, "logs", "group"),
		db:      db,
		journal: config.Journal,
		log:     config.Logger,
		now:     config.Now,
		kick:    make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Register adds the service's operations to the server.
func (s *Service) Register(server *wire.Server) {
	svc := server.Service(&api.API)
	wire.Handle(svc, api.CreateLogGroup, s.CreateLogGroup,
		wire.Refuse("kmsKeyId", "logs are not encrypted"),
		wire.Refuse("logGroupClass", "there is no log delivery", "STANDARD", "INFREQUENT_ACCESS"),
		wire.Note("logGroupClass", "kept and shown; groups of either class do the same"),
		wire.Refuse("deletionProtectionEnabled", "a log group can't be protected"))
	wire.Handle(svc, api.DeleteLogGroup, s.DeleteLogGroup)
	wire.Handle(svc, api.DescribeLogGroups, s.DescribeLogGroups,
		wire.Refuse("accountIdentifiers", "accounts are not linked"),
		wire.Refuse("includeLinkedAccounts", "accounts are not linked"))
	wire.Handle(svc, api.PutRetentionPolicy, s.PutRetentionPolicy)
	wire.Handle(svc, api.DeleteRetentionPolicy, s.DeleteRetentionPolicy)
	wire.Handle(svc, api.CreateLogStream, s.CreateLogStream)
	wire.Handle(svc, api.DeleteLogStream, s.DeleteLogStream)
	wire.Handle(svc, api.DescribeLogStreams, s.DescribeLogStreams)
	wire.Handle(svc, api.PutLogEvents, s.PutLogEvents,
		wire.Note("sequenceToken", "ignored, as on AWS, but of Berth's own agents, which tell by it what they have sent before: a batch that comes twice is stored once"),
		wire.Note("entity", "not kept: the answer's rejectedEntityInfo says so"))
	wire.Handle(svc, api.GetLogEvents, s.GetLogEvents,
		wire.Note("unmask", "nothing is masked"))
	wire.Handle(svc, api.FilterLogEvents, s.FilterLogEvents,
		wire.Note("unmask", "nothing is masked"))
	wire.Handle(svc, api.ListTagsForResource, s.ListTagsForResource)
	wire.Handle(svc, api.ListTagsLogGroup, s.ListTagsLogGroup)
	wire.Handle(svc, api.TagResource, s.TagResource)
	wire.Handle(svc, api.UntagResource, s.UntagResource)
}

func scopeOf(ctx context.Context) store.Scope {
	caller := wire.CallerOf(ctx)
	return store.Scope{Account: caller.Account, Region: caller.Region}
}

func (s *Service) millis() int64 { return s.now().UnixMilli() }

var (
	errNoGroup  = wire.Errorf(api.ResourceNotFoundException, "The specified log group does not exist.")
	errNoStream = wire.Errorf(api.ResourceNotFoundException, "The specified log stream does not exist.")
	errToken    = wire.Errorf(api.InvalidParameterException, "The specified nextToken is invalid.")
)

// answer puts the journal's and the store's errors into AWS's words.
func answer(err error) error {
	switch {
	case errors.Is(err, journal.ErrNoStream):
		return errNoStream
	case errors.Is(err, journal.ErrStreamExists):
		return wire.Errorf(api.ResourceAlreadyExistsException, "The specified log stream already exists")
	case errors.Is(err, journal.ErrNoSpace), errors.Is(err, store.ErrFull):
		return wire.Errorf(api.ServiceUnavailableException, "%v", err)
	case errors.Is(err, store.ErrNotFound):
		return errNoGroup
	case errors.Is(err, store.ErrConflict):
		return wire.Errorf(api.OperationAbortedException, "Multiple concurrent requests to update the same resource were in conflict.")
	}
	return err
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
