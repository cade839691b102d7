package elb

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// CreateRule makes a rule of an application load balancer's listener.
func (s *Service) CreateRule(ctx context.Context, in *api.CreateRuleInput) (*api.CreateRuleOutput, error) {
	scope := scopeOf(ctx)
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	conditions, err := checkConditions(in.Conditions)
	if err != nil {
		return nil, err
	}
	var made *rule
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		l, b, err := s.listenerTx(tx, scope, in.ListenerArn)
		if err != nil {
			return err
		}
		if b.network() {
			return wire.Errorf(api.UnsupportedProtocolException, "Rules are not supported for listeners with the %s protocol", l.Protocol)
		}
		if err := s.roomForRule(tx, scope, b); err != nil {
			return err
		}
		r := &rule{ID: l.ID + "/" + newID(), Listener: l.ID, Balancer: b.ID, Priority: *in.Priority, Conditions: conditions, Tags: in.Tags}
		if r.Actions, err = s.checkActions(tx, scope, b, l, in.Actions); err != nil {
			return err
		}
		made = r
		return s.putRule(tx, scope, r)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateRuleOutput{Rules: []api.Rule{describeRule(scope, made)}}, nil
}

// listenerTx is a listener with its load balancer.
func (s *Service) listenerTx(tx *store.Tx, scope store.Scope, arn string) (*listener, *loadBalancer, error) {
	l, err := s.listeners().getTx(tx, scope, arn)
	if err != nil {
		return nil, nil, err
	}
	b, ok := s.tables.balancers.GetTx(tx, scope, l.Balancer)
	if !ok {
		return nil, nil, s.listeners().missing(arn)
	}
	return l, b, nil
}

// roomForRule refuses one rule more than a load balancer may have.
func (s *Service) roomForRule(tx *store.Tx, scope store.Scope, b *loadBalancer) error {
	rules := 0
	for _, row := range s.tables.rules.FindTx(tx, scope, byBalancer, b.ID) {
		if row.Value.Priority != 0 {
			rules++
		}
	}
	if rules >= maxRules {
		return wire.Errorf(api.TooManyRulesException, "The maximum number of rules per load balancer has been reached: %d", maxRules)
	}
	return nil
}

// putRule writes a rule whose priority no other of the listener may have.
func (s *Service) putRule(tx *store.Tx, scope store.Scope, r *rule) error {
	err := s.tables.rules.Put(tx, scope, r.ID, r)
	if errors.Is(err, store.ErrExists) {
		return wire.Errorf(api.PriorityInUseException, "Priority '%d' is currently in use", r.Priority)
	}
	return err
}

// ModifyRule changes the conditions or the actions of a rule that is no default.
func (s *Service) ModifyRule(ctx context.Context, in *api.ModifyRuleInput) (*api.ModifyRuleOutput, error) {
	if in.Conditions == nil && in.Actions == nil {
		return nil, invalid("Either conditions or actions must be specified")
	}
	scope := scopeOf(ctx)
	r, err := s.rules().modify(ctx, s, in.RuleArn, func(tx *store.Tx, r *rule) (err error) {
		if r.Priority == 0 {
			return wire.Errorf(api.OperationNotPermittedException, "Default rule '%s' cannot be modified", in.RuleArn)
		}
		if in.Conditions != nil {
			if r.Conditions, err = checkConditions(in.Conditions); err != nil {
				return err
			}
		}
		if in.Actions == nil {
			return nil
		}
		l, b, err := s.listenerTx(tx, scope, arnOf(scope, kindListener, r.Listener))
		if err != nil {
			return err
		}
		r.Actions, err = s.checkActions(tx, scope, b, l, in.Actions)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.ModifyRuleOutput{Rules: []api.Rule{describeRule(scope, r)}}, nil
}

// DeleteRule deletes a rule that is no default.
func (s *Service) DeleteRule(ctx context.Context, in *api.DeleteRuleInput) (*api.DeleteRuleOutput, error) {
	scope := scopeOf(ctx)
	return nil, s.db.Update(ctx, func(tx *store.Tx) error {
		r, err := s.rules().getTx(tx, scope, in.RuleArn)
		if err != nil {
			return err
		}
		if r.Priority == 0 {
			return wire.Errorf(api.OperationNotPermittedException, "Default rule '%s' cannot be deleted", in.RuleArn)
		}
		return s.tables.rules.Delete(tx, scope, r.ID)
	})
}

// SetRulePriorities gives rules other priorities, all at once: rules can exchange theirs.
func (s *Service) SetRulePriorities(ctx context.Context, in *api.SetRulePrioritiesInput) (*api.SetRulePrioritiesOutput, error) {
	scope := scopeOf(ctx)
	out := &api.SetRulePrioritiesOutput{}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		moved, err := s.moved(tx, scope, in.RulePriorities)
		if err != nil {
			return err
		}
		for _, r := range moved { // leave the places before any of them is taken
			left := *r
			left.Priority = unplaced
			if err := s.tables.rules.Put(tx, scope, r.ID, &left); err != nil {
				return err
			}
		}
		out.Rules = []api.Rule{}
		for _, r := range moved {
			if err := s.putRule(tx, scope, r); err != nil {
				return err
			}
			out.Rules = append(out.Rules, describeRule(scope, r))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// moved are the rules of a request with their new priorities.
func (s *Service) moved(tx *store.Tx, scope store.Scope, pairs []api.RulePriorityPair) (moved []*rule, err error) {
	if len(pairs) == 0 {
		return nil, invalid("Rule priorities cannot be empty")
	}
	priorities, arns := map[string]bool{}, map[string]bool{}
	for _, p := range pairs {
		if p.Priority == nil {
			return nil, invalid("A priority must be specified for rule '%s'", p.RuleArn)
		}
		r, err := s.rules().getTx(tx, scope, p.RuleArn)
		if err != nil {
			return nil, err
		}
		key := fmt.Sprintf("%s/%d", r.Listener, *p.Priority)
		switch {
		case r.Priority == 0:
			return nil, wire.Errorf(api.OperationNotPermittedException, "The priority of default rule '%s' cannot be modified", p.RuleArn)
		case priorities[key]:
			return nil, invalid("Priority '%d' was provided multiple times", *p.Priority)
		case arns[p.RuleArn]:
			return nil, invalid("Rule '%s' was provided multiple times", p.RuleArn)
		}
		priorities[key], arns[p.RuleArn] = true, true
		to := *r
		to.Priority = *p.Priority
		moved = append(moved, &to)
	}
	return moved, nil
}

// DescribeRules lists rules in the order in which they are tried: those of a listener, or by their ARNs.
func (s *Service) DescribeRules(ctx context.Context, in *api.DescribeRulesInput) (*api.DescribeRulesOutput, error) {
	scope := scopeOf(ctx)
	var found []*rule
	var next string
	var err error
	switch {
	case in.ListenerArn != "" && len(in.RuleArns) > 0:
		return nil, invalid("You cannot specify both rule ARNs and a listener ARN")
	case len(in.RuleArns) > 0:
		found, err = s.rules().byARN(scope, in.RuleArns)
	case in.ListenerArn == "":
		return nil, invalid("You must specify either listener rule ARNs or a listener ARN")
	default:
		var l *listener
		if l, err = s.listeners().get(scope, in.ListenerArn); err == nil {
			found, next, err = page(s.rulesOf(scope, l.ID), (*rule).rank, in.Marker, in.PageSize, "DescribeRules", in.ListenerArn)
		}
	}
	if err != nil {
		return nil, err
	}
	out := &api.DescribeRulesOutput{Rules: []api.Rule{}, NextMarker: next}
	for _, r := range found {
		out.Rules = append(out.Rules, describeRule(scope, r))
	}
	return out, nil
}

// rank orders rules as they are tried.
func (r *rule) rank() string {
	if r.Priority == 0 {
		return "default"
	}
	return fmt.Sprintf("%05d", r.Priority)
}

func describeRule(scope store.Scope, r *rule) api.Rule {
	described := api.Rule{
		RuleArn: arnOf(scope, kindRule, r.ID), Priority: "default", IsDefault: ptr(r.Priority == 0), Actions: r.Actions, Conditions: []api.RuleCondition{},
	}
	if r.Priority != 0 {
		described.Priority = strconv.Itoa(int(r.Priority))
	}
	for _, c := range r.Conditions {
		described.Conditions = append(described.Conditions, describeCondition(c))
	}
	return described
}
