package ecs

import (
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/ecs/placement/query"
)

// Placement constraints and strategies, as requests and task definitions have them.

const (
	maxConstraints = 10 // of a task, the definition's included
	maxStrategies  = 5
)

// setRules takes the request's constraints and strategies, and the constraints of the definition.
func (l *launch) setRules(r *api.RunTaskRequest, d *api.TaskDefinition) error {
	if l.template.LaunchType == api.LaunchTypeFargate {
		switch {
		case len(r.PlacementConstraints)+len(d.PlacementConstraints) > 0:
			return invalidParameter("Placement constraints are not supported with FARGATE launch type.")
		case len(r.PlacementStrategy) > 0:
			return invalidParameter("Placement strategies are not supported with FARGATE launch type.")
		}
		l.request.Strategies = []placement.Strategy{{Type: placement.Emptiest}}
		return nil
	}
	if n := len(r.PlacementConstraints) + len(d.PlacementConstraints); n > maxConstraints {
		return invalidParameter("A task can have at most %d placement constraints, those of its task definition included, but has %d.", maxConstraints, n)
	}
	constraints := slices.Clone(r.PlacementConstraints)
	for _, c := range d.PlacementConstraints {
		constraints = append(constraints, api.PlacementConstraint{Type: api.PlacementConstraintType(c.Type), Expression: c.Expression})
	}
	for _, c := range constraints {
		out, err := constraintOf(c)
		if err != nil {
			return err
		}
		l.request.Constraints = append(l.request.Constraints, out)
	}
	var err error
	l.request.Strategies, err = strategiesOf(r.PlacementStrategy)
	return err
}

func constraintOf(c api.PlacementConstraint) (placement.Constraint, error) {
	out := placement.Constraint{Type: placement.ConstraintType(c.Type)}
	switch c.Type {
	case api.PlacementConstraintTypeDistinctInstance:
		if c.Expression != "" {
			return out, invalidParameter("distinctInstance expression should not be specified.")
		}
	case api.PlacementConstraintTypeMemberOf:
		var err error
		if out.Expression, err = query.Parse(c.Expression); err != nil {
			return out, invalidParameter("Invalid memberOf expression: %v.", err)
		}
	default:
		return out, invalidParameter("constraint.type '%s' is not supported.", c.Type)
	}
	return out, nil
}

func strategiesOf(list []api.PlacementStrategy) (out []placement.Strategy, err error) {
	if len(list) > maxStrategies {
		return nil, invalidParameter("The placement strategy can have at most %d items, but has %d.", maxStrategies, len(list))
	}
	for _, s := range list {
		if s.Type == "" {
			return nil, invalidParameter("The placement strategy type should not be null or empty.")
		}
		field, ok := strategyField(s)
		if !ok {
			return nil, invalidParameter("The placement strategy field '%s' is not valid for type %s. %s", s.Field, s.Type, strategyFields[s.Type])
		}
		out = append(out, placement.Strategy{Type: placement.StrategyType(s.Type), Field: field})
	}
	return out, nil
}

var strategyFields = map[api.PlacementStrategyType]string{
	api.PlacementStrategyTypeRandom:  "It takes no field.",
	api.PlacementStrategyTypeSpread:  "It takes instanceId, host or attribute:NAME.",
	api.PlacementStrategyTypeBinpack: "It takes cpu or memory.",
}

// strategyField is a strategy's field in the form that answers have, and whether it may be.
func strategyField(s api.PlacementStrategy) (string, bool) {
	lower := strings.ToLower(s.Field)
	switch s.Type {
	case api.PlacementStrategyTypeRandom:
		return "", s.Field == ""
	case api.PlacementStrategyTypeBinpack:
		return lower, lower == placement.FieldCPU || lower == placement.FieldMemory
	}
	if lower == "instanceid" || lower == "host" {
		return placement.InstanceID, true
	}
	name, ok := strings.CutPrefix(s.Field, placement.FieldAttribute)
	return s.Field, ok && name != ""
}
