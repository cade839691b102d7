package ecs

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// tokenKept is how long a client token is remembered.
const tokenKept = 24 * time.Hour

// ran is what came of a RunTask. A client token is remembered with it.
type ran struct {
	Tasks    []string      `json:"tasks,omitzero"` // ids
	Failures []api.Failure `json:"failures,omitzero"`
}

// UnmarshalJSON also reads what was recorded before failures were: the list of ids alone.
func (r *ran) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, &r.Tasks)
	}
	type plain ran
	return json.Unmarshal(text, (*plain)(r))
}

// scopedToken is a client token of a scope.
type scopedToken struct {
	scope store.Scope
	value string
}

// runToken is the request's client token, nil without one.
func runToken(r *api.RunTaskRequest) (*store.Token, error) {
	if r.ClientToken == "" {
		return nil, nil
	}
	switch {
	case len(r.ClientToken) > 64:
		return nil, invalidParameter("clientToken longer than 64.")
	case strings.ContainsFunc(r.ClientToken, func(c rune) bool { return c < '!' || c > '~' }):
		return nil, invalidParameter("clientToken has a character that is not in the range of 33 to 126.")
	}
	params, err := store.Params(r)
	return &store.Token{Operation: "RunTask", Value: r.ClientToken, Params: params, Keep: tokenKept}, err
}

// runConflict is the answer to a client token that came with other parameters: it names the tasks that it was for.
func (s *Service) runConflict(ctx context.Context, scope store.Scope, err error, ids []string) error {
	if !errors.Is(err, store.ErrTokenReused) {
		return err
	}
	arns := []string{}
	for _, task := range s.launched(ctx, scope, ids) {
		arns = append(arns, task.TaskArn)
	}
	conflict := wire.Errorf(api.ConflictException, "The client token was used with other parameters.")
	conflict.Fields = map[string]any{"resourceIds": arns}
	return conflict
}
