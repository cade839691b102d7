package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/wire/client"
)

// ruleView is a rule of a listener. Those of a listener are tried in order of their priorities.
type ruleView struct {
	ARN        string          `json:"ruleArn"`
	Priority   string          `json:"priority"`   // a number
	Conditions []conditionView `json:"conditions"` // all of them hold
	Actions    []elbv2.Action  `json:"actions"`    // as the API has them
	Does       string          `json:"does"`       // the same in a few words
}

// conditionView is a condition of a rule: one of its values is met.
type conditionView struct {
	Field  string   `json:"field"`
	Header string   `json:"header,omitzero"` // name, of a condition on a header
	Values []string `json:"values"`          // of a query: KEY=VALUE, or VALUE of any key
}

// rulesOf are a listener's rules but for the default one.
func (t *target) rulesOf(ctx context.Context, listener string) ([]ruleView, error) {
	rules := []ruleView{}
	ask := &elbv2.DescribeRulesInput{ListenerArn: listener}
	for {
		page, err := client.Call(ctx, t.client, elbv2.DescribeRules, ask)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Rules {
			if r.IsDefault == nil || !*r.IsDefault {
				rules = append(rules, viewOfRule(r))
			}
		}
		if ask.Marker = page.NextMarker; ask.Marker == "" {
			return rules, nil
		}
	}
}

func viewOfRule(r elbv2.Rule) ruleView {
	v := ruleView{ARN: r.RuleArn, Priority: r.Priority, Conditions: []conditionView{}, Actions: r.Actions, Does: doesText(r.Actions)}
	for _, c := range r.Conditions {
		v.Conditions = append(v.Conditions, viewOfCondition(c))
	}
	return v
}

func viewOfCondition(c elbv2.RuleCondition) conditionView {
	v := conditionView{Field: c.Field, Values: c.Values}
	switch {
	case c.HostHeaderConfig != nil:
		v.Values = c.HostHeaderConfig.Values
	case c.PathPatternConfig != nil:
		v.Values = c.PathPatternConfig.Values
	case c.HttpHeaderConfig != nil:
		v.Header, v.Values = c.HttpHeaderConfig.HttpHeaderName, c.HttpHeaderConfig.Values
	case c.HttpRequestMethodConfig != nil:
		v.Values = c.HttpRequestMethodConfig.Values
	case c.SourceIpConfig != nil:
		v.Values = c.SourceIpConfig.Values
	case c.QueryStringConfig != nil:
		v.Values = nil
		for _, pair := range c.QueryStringConfig.Values {
			v.Values = append(v.Values, strings.TrimPrefix(pair.Key+"="+pair.Value, "="))
		}
	}
	if v.Values == nil {
		v.Values = []string{}
	}
	return v
}

// text is the condition for people: "path-pattern /api/* or /v2/*".
func (c conditionView) text() string {
	text := c.Field
	if c.Header != "" {
		text += " " + c.Header + ":"
	}
	return text + " " + strings.Join(c.Values, " or ")
}

// ruleTable are the rules of a load balancer's listeners.
func ruleTable(listeners []listenerView) table {
	rules := table{header: []string{"LISTENER", "PRIORITY", "IF", "THEN"}}
	for _, l := range listeners {
		for _, r := range l.Rules {
			var conditions []string
			for _, c := range r.Conditions {
				conditions = append(conditions, c.text())
			}
			rules.rows = append(rules.rows, []string{fmt.Sprintf("%s:%d", l.Protocol, l.Port), r.Priority, cmp.Or(strings.Join(conditions, " and "), "-"), r.Does})
		}
	}
	return rules
}
