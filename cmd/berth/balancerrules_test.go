package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/elbv2"
)

func TestRulesAreToldToPeople(t *testing.T) {
	group := func(name string) string {
		return "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/" + name + "/0123456789abcdef"
	}
	for _, c := range []struct {
		name       string
		rule       elbv2.Rule
		when, does string
	}{
		{"paths shift traffic", elbv2.Rule{
			Conditions: []elbv2.RuleCondition{{Field: "path-pattern", Values: []string{"/api/*", "/v2/*"}, PathPatternConfig: &elbv2.PathPatternConditionConfig{Values: []string{"/api/*", "/v2/*"}}}},
			Actions: []elbv2.Action{{Type: elbv2.ActionTypeEnumForward, ForwardConfig: &elbv2.ForwardActionConfig{TargetGroups: []elbv2.TargetGroupTuple{
				{TargetGroupArn: group("blue"), Weight: new(int32(95))}, {TargetGroupArn: group("green"), Weight: new(int32(5))}}}}},
		}, "path-pattern /api/* or /v2/*", "to blue (95), to green (5)"},
		{"a host and a header are redirected", elbv2.Rule{
			Conditions: []elbv2.RuleCondition{{Field: "host-header", HostHeaderConfig: &elbv2.HostHeaderConditionConfig{Values: []string{"a.example"}}},
				{Field: "http-header", HttpHeaderConfig: &elbv2.HttpHeaderConditionConfig{HttpHeaderName: "X-Beta", Values: []string{"yes"}}}},
			Actions: []elbv2.Action{{Type: elbv2.ActionTypeEnumRedirect, RedirectConfig: &elbv2.RedirectActionConfig{StatusCode: elbv2.RedirectActionStatusCodeEnumHttp301}}},
		}, "host-header a.example and http-header X-Beta: yes", "redirect HTTP_301"},
		{"queries, methods and sources are answered", elbv2.Rule{
			Conditions: []elbv2.RuleCondition{
				{Field: "query-string", QueryStringConfig: &elbv2.QueryStringConditionConfig{Values: []elbv2.QueryStringKeyValuePair{{Key: "v", Value: "1"}, {Value: "two"}}}},
				{Field: "http-request-method", HttpRequestMethodConfig: &elbv2.HttpRequestMethodConditionConfig{Values: []string{"GET"}}},
				{Field: "source-ip", SourceIpConfig: &elbv2.SourceIpConditionConfig{Values: []string{"10.0.0.0/8"}}}},
			Actions: []elbv2.Action{{Type: elbv2.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbv2.FixedResponseActionConfig{StatusCode: "404"}}},
		}, "query-string v=1 or two and http-request-method GET and source-ip 10.0.0.0/8", "answer 404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.rule.RuleArn, c.rule.Priority = "arn", "10"
			v := viewOfRule(c.rule)
			shown := ruleTable([]listenerView{{Protocol: "HTTP", Port: 80, Rules: []ruleView{v}}})
			if len(shown.rows) != 1 || strings.Join(shown.rows[0], "|") != "HTTP:80|10|"+c.when+"|"+c.does {
				t.Errorf("%q", shown.rows)
			}
			text, err := json.Marshal(v)
			if err != nil || !bytes.Contains(text, []byte(`"priority":"10","conditions":[{"field":"`+c.rule.Conditions[0].Field)) || !bytes.Contains(text, []byte(`"Type":"`+string(c.rule.Actions[0].Type))) {
				t.Errorf("%s %v", text, err)
			}
		})
	}
}
