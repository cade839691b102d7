package parameterstore

import (
	"context"
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxLabels is how many labels a version may have.
const maxLabels = 10

var labelForm = regexp.MustCompile(`^[A-Za-z_.-][A-Za-z0-9_.-]*$`)

// isLabel says whether a text can be a label. One that looks like a number would hide a version.
func isLabel(label string) bool {
	lower := strings.ToLower(label)
	return labelForm.MatchString(label) && !strings.HasPrefix(lower, "aws") && !strings.HasPrefix(lower, "ssm")
}

// LabelParameterVersion gives labels to a version, the latest where none is named, and takes them from others.
func (s *Service) LabelParameterVersion(ctx context.Context, in *api.LabelParameterVersionRequest) (*api.LabelParameterVersionResult, error) {
	out := &api.LabelParameterVersionResult{InvalidLabels: []string{}}
	for _, label := range in.Labels {
		if !isLabel(label) {
			out.InvalidLabels = append(out.InvalidLabels, label)
		}
	}
	err := s.change(ctx, in.Name, func(tx *store.Tx, name string, p *parameter) error {
		number, err := s.numberTx(tx, scopeOf(ctx), name, p, in.ParameterVersion)
		if err != nil {
			return err
		}
		if out.ParameterVersion = new(number); len(out.InvalidLabels) > 0 {
			return nil
		}
		if p.Labels == nil {
			p.Labels = map[string]int64{}
		}
		for _, label := range in.Labels {
			p.Labels[label] = number
		}
		if len(p.labelsOf(number)) > maxLabels {
			return wire.Errorf(api.ParameterVersionLabelLimitExceeded, "A parameter version can have a maximum of ten labels.")
		}
		return s.parameters.Put(tx, scopeOf(ctx), name, p)
	})
	return out, err
}

// UnlabelParameterVersion takes labels from a version.
func (s *Service) UnlabelParameterVersion(ctx context.Context, in *api.UnlabelParameterVersionRequest) (*api.UnlabelParameterVersionResult, error) {
	var out *api.UnlabelParameterVersionResult
	err := s.change(ctx, in.Name, func(tx *store.Tx, name string, p *parameter) error {
		number, err := s.numberTx(tx, scopeOf(ctx), name, p, in.ParameterVersion)
		if err != nil {
			return err
		}
		out = &api.UnlabelParameterVersionResult{RemovedLabels: []string{}, InvalidLabels: []string{}}
		has := p.labelsOf(number)
		for _, label := range in.Labels {
			if !slices.Contains(has, label) {
				out.InvalidLabels = append(out.InvalidLabels, label)
				continue
			}
			delete(p.Labels, label)
			out.RemovedLabels = append(out.RemovedLabels, label)
		}
		return s.parameters.Put(tx, scopeOf(ctx), name, p)
	})
	return out, err
}

// numberTx is the number of a version that must be there; of the latest when none is asked for.
func (s *Service) numberTx(tx *store.Tx, scope store.Scope, name string, p *parameter, asked *int64) (int64, error) {
	if asked == nil || *asked == p.Latest.Number {
		return p.Latest.Number, nil
	}
	if _, ok := s.past.GetTx(tx, scope, pastID(name, *asked)); !ok {
		return 0, noVersion(name, text(*asked))
	}
	return *asked, nil
}
