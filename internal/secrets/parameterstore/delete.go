package parameterstore

import (
	"context"
	"errors"

	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/store"
)

// DeleteParameter deletes a parameter with all its versions.
func (s *Service) DeleteParameter(ctx context.Context, in *api.DeleteParameterRequest) (*api.DeleteParameterResult, error) {
	return nil, s.delete(ctx, in.Name)
}

// DeleteParameters deletes up to ten parameters. Those that are not there are named.
func (s *Service) DeleteParameters(ctx context.Context, in *api.DeleteParametersRequest) (*api.DeleteParametersResult, error) {
	out := &api.DeleteParametersResult{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		switch err := s.delete(ctx, name); {
		case err == errNotFound:
			out.InvalidParameters = append(out.InvalidParameters, name)
		case err != nil:
			return nil, err
		default:
			out.DeletedParameters = append(out.DeletedParameters, name)
		}
	}
	return out, nil
}

func (s *Service) delete(ctx context.Context, asked string) error {
	return s.change(ctx, asked, func(tx *store.Tx, name string, p *parameter) error {
		for number := p.Oldest; number < p.Latest.Number; number++ {
			if err := s.past.Delete(tx, scopeOf(ctx), pastID(name, number)); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return s.parameters.Delete(tx, scopeOf(ctx), name)
	})
}

// change changes the parameter that a name or an ARN means: f gets a copy, which it puts.
func (s *Service) change(ctx context.Context, asked string, f func(tx *store.Tx, name string, p *parameter) error) error {
	scope := scopeOf(ctx)
	return answer(s.db.Update(ctx, func(tx *store.Tx) error {
		for _, name := range names(scope, asked) {
			if p, ok := s.parameters.GetTx(tx, scope, name); ok {
				return f(tx, name, p.copied())
			}
		}
		return errNotFound
	}))
}
