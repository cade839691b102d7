package elb

import (
	"fmt"
	"maps"
	"slices"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
)

// RuleGroups are the target groups, by ARN, that a listener rule forwards to, with their weights. It wraps ErrNoRule.
func (s *Service) RuleGroups(scope store.Scope, rule string) (map[string]int, error) {
	row, ok := s.tables.rules.Get(scope, idIn(scope, kindRule, rule))
	if !ok {
		return nil, fmt.Errorf("%s: %w", rule, ErrNoRule)
	}
	weights := map[string]int{}
	for _, action := range row.Value.Actions {
		if action.ForwardConfig == nil {
			continue
		}
		for _, g := range action.ForwardConfig.TargetGroups {
			weights[g.TargetGroupArn] = weightOf(g)
		}
	}
	return weights, nil
}

// weightOf is a group's weight among those of an action: 1 unless it was said.
func weightOf(g api.TargetGroupTuple) int {
	if g.Weight == nil {
		return 1
	}
	return int(*g.Weight)
}

// SetWeights makes a listener rule forward to these groups, by ARN, by these weights, as part of the transaction. It keeps what the rule's
// action says of stickiness. It wraps ErrNoRule and ErrNoGroup, and refuses a group that another load balancer forwards to.
func (s *Service) SetWeights(tx *store.Tx, scope store.Scope, ruleARN string, weights map[string]int) error {
	id := idIn(scope, kindRule, ruleARN)
	row, ok := s.tables.rules.GetTx(tx, scope, id)
	if !ok {
		return fmt.Errorf("%s: %w", ruleARN, ErrNoRule)
	}
	forward := api.Action{Type: api.ActionTypeEnumForward, ForwardConfig: &api.ForwardActionConfig{}}
	at := slices.IndexFunc(row.Actions, func(a api.Action) bool { return a.ForwardConfig != nil })
	if at >= 0 {
		forward = row.Actions[at]
		config := *forward.ForwardConfig
		forward.ForwardConfig = &config
	}
	forward.ForwardConfig.TargetGroups = nil
	for _, arn := range slices.Sorted(maps.Keys(weights)) {
		if _, ok := s.tables.groups.GetTx(tx, scope, idIn(scope, kindGroup, arn)); !ok {
			return fmt.Errorf("%s: %w", arn, ErrNoGroup)
		}
		if err := s.checkAlone(tx, scope, row.Balancer, arn); err != nil {
			return err
		}
		weight := int32(weights[arn])
		forward.ForwardConfig.TargetGroups = append(forward.ForwardConfig.TargetGroups, api.TargetGroupTuple{TargetGroupArn: arn, Weight: &weight})
	}
	changed := *row
	changed.Actions = []api.Action{forwardTo(forward)}
	return s.tables.rules.Put(tx, scope, id, &changed)
}
