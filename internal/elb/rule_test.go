package elb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func TestRulesAreTriedByPriority(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	listener := f.listen(lb, group, 80)
	b, a := f.rule(listener, group, "/b", 20), f.rule(listener, group, "/a", 3)
	order := func() string {
		t.Helper()
		out, err := f.DescribeRules(t.Context(), &sdk.DescribeRulesInput{ListenerArn: &listener})
		f.must(err)
		var words []string
		for _, r := range out.Rules {
			word := *r.Priority
			if len(r.Conditions) > 0 {
				word += r.Conditions[0].PathPatternConfig.Values[0] + r.Conditions[0].Values[0]
			}
			words = append(words, word)
		}
		return strings.Join(words, " ")
	}
	if got := order(); got != "3/a/a 20/b/b default" {
		t.Errorf("rules %s", got)
	}
	_, err := f.SetRulePriorities(t.Context(), &sdk.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{
		{RuleArn: &a, Priority: aws.Int32(20)}, {RuleArn: &b, Priority: aws.Int32(3)}}})
	f.must(err)
	if got := order(); got != "3/b/b 20/a/a default" {
		t.Errorf("rules %s", got)
	}
	eventually(t, "the data path knows the order", func() bool {
		plain := f.plane.balancer(lb)
		if plain == nil || len(plain.Listeners) == 0 || len(plain.Listeners[0].Rules) != 3 {
			return false
		}
		rules := plain.Listeners[0].Rules
		return rules[0].ARN == b && rules[1].ARN == a && len(rules[2].Conditions) == 0
	})
	c := f.rule(listener, group, "/c", 4)
	_, err = f.SetRulePriorities(t.Context(), &sdk.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{
		{RuleArn: &a, Priority: aws.Int32(5)}, {RuleArn: &b, Priority: aws.Int32(4)}}})
	wantError(t, err, "PriorityInUse", "Priority '4' is currently in use")
	if got := order(); got != "3/b/b 4/c/c 20/a/a default" {
		t.Errorf("a refused request moved rules: %s", got)
	}
	_, err = f.SetRulePriorities(t.Context(), &sdk.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{
		{RuleArn: &a, Priority: aws.Int32(5)}, {RuleArn: &c, Priority: aws.Int32(5)}}})
	wantError(t, err, "ValidationError", "Priority '5' was provided multiple times")
	var sizes []int
	for pages := sdk.NewDescribeRulesPaginator(f.Client, &sdk.DescribeRulesInput{ListenerArn: &listener, PageSize: aws.Int32(3)}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		f.must(err)
		sizes = append(sizes, len(page.Rules))
	}
	if fmt.Sprint(sizes) != "[3 1]" {
		t.Errorf("pages of %v", sizes)
	}
}

func TestRulesThatCannotBe(t *testing.T) {
	f := newFixture(t)
	lb, group, nlb, tcp := f.application("web"), f.targets("web", types.ProtocolEnumHttp), f.networked("net"), f.targets("tcp", types.ProtocolEnumTcp)
	listener, networked := f.listen(lb, group, 80), f.listen(nlb, tcp, 80)
	f.rule(listener, group, "/a", 1)
	condition := func(c types.RuleCondition) func(*sdk.CreateRuleInput) {
		return func(in *sdk.CreateRuleInput) { in.Conditions = []types.RuleCondition{c} }
	}
	tests := []struct {
		name          string
		change        func(*sdk.CreateRuleInput)
		code, message string
	}{
		{"a priority that is taken", func(in *sdk.CreateRuleInput) { in.Priority = aws.Int32(1) }, "PriorityInUse", "Priority '1' is currently in use"},
		{"a priority beyond 50000", func(in *sdk.CreateRuleInput) { in.Priority = aws.Int32(50001) }, "ValidationError",
			"1 validation error detected: Value '50001' at 'priority' failed to satisfy constraint: Member must have value less than or equal to 50000"},
		{"a listener that is not there", func(in *sdk.CreateRuleInput) { in.ListenerArn = aws.String(listener[:len(listener)-1] + "x") }, "ListenerNotFound",
			"Listener '" + listener[:len(listener)-1] + "x' not found"},
		{"what is no listener", func(in *sdk.CreateRuleInput) { in.ListenerArn = &lb }, "ValidationError", "'" + lb + "' is not a valid listener ARN"},
		{"a network load balancer", func(in *sdk.CreateRuleInput) { in.ListenerArn, in.Actions = &networked, forward(tcp) }, "UnsupportedProtocol",
			"Rules are not supported for listeners with the TCP protocol"},
		{"a field that is none", condition(types.RuleCondition{Field: aws.String("colour"), Values: []string{"red"}}), "ValidationError",
			"Condition field 'colour' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'"},
		{"no value", condition(types.RuleCondition{Field: aws.String("path-pattern")}), "ValidationError", "A condition value must be specified for the 'path-pattern' condition"},
		{"two paths", func(in *sdk.CreateRuleInput) { in.Conditions = append(onPath("/a"), onPath("/b")...) }, "ValidationError", "A rule can only have one 'path-pattern' condition"},
		{"six values", condition(types.RuleCondition{Field: aws.String("path-pattern"), Values: []string{"/1", "/2", "/3", "/4", "/5", "/6"}}), "ValidationError",
			"A rule can only have '5' condition values"},
		{"seven wildcards", condition(types.RuleCondition{Field: aws.String("path-pattern"), Values: []string{"/*******"}}), "ValidationError",
			"A rule can only have '6' condition wildcards"},
		{"a path with a space", condition(types.RuleCondition{Field: aws.String("path-pattern"), Values: []string{"/a b"}}), "ValidationError",
			"The condition value '/a b' contains a character that is not valid"},
		{"a value that is too long", condition(types.RuleCondition{Field: aws.String("path-pattern"), Values: []string{strings.Repeat("a", 129)}}), "ValidationError",
			"The condition value '" + strings.Repeat("a", 129) + "' cannot be longer than '128' characters"},
		{"an address without a range", condition(types.RuleCondition{Field: aws.String("source-ip"), SourceIpConfig: &types.SourceIpConditionConfig{Values: []string{"10.0.0.1"}}}),
			"ValidationError", "The condition value '10.0.0.1' must be a range of IP addresses in CIDR format"},
		{"a method of small letters", condition(types.RuleCondition{Field: aws.String("http-request-method"), HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: []string{"get"}}}),
			"ValidationError", "The condition value 'get' contains a character that is not valid"},
		{"the header Host", condition(types.RuleCondition{Field: aws.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{HttpHeaderName: aws.String("Host"), Values: []string{"a"}}}),
			"ValidationError", "The HTTP header name 'Host' is not valid"},
		{"another field's configuration", condition(types.RuleCondition{Field: aws.String("path-pattern"), Values: []string{"/a"}, HostHeaderConfig: &types.HostHeaderConditionConfig{Values: []string{"a"}}}),
			"ValidationError", "You cannot specify the configuration of a 'host-header' condition for the condition field 'path-pattern'"},
		{"both ways", condition(types.RuleCondition{Field: aws.String("path-pattern"), Values: []string{"/a"}, PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{"/a"}}}),
			"ValidationError", "You cannot specify both the values of a 'path-pattern' condition and its configuration"},
		{"a regular expression", condition(types.RuleCondition{Field: aws.String("path-pattern"), RegexValues: []string{"^/a"}}), "ValidationError",
			"The parameter Conditions[0].RegexValues of CreateRule is not supported by Berth yet: requests are neither matched by regular expressions nor rewritten. See docs/compatibility.md."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := &sdk.CreateRuleInput{ListenerArn: &listener, Priority: aws.Int32(9), Conditions: onPath("/x"), Actions: forward(group)}
			test.change(in)
			_, err := f.CreateRule(t.Context(), in)
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestEveryConditionReachesTheDataPath(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	listener := f.listen(lb, group, 80)
	conditions := []types.RuleCondition{
		{Field: aws.String("host-header"), Values: []string{"*.example.com"}},
		{Field: aws.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{HttpHeaderName: aws.String("X-Test"), Values: []string{"a*"}}},
		{Field: aws.String("http-request-method"), HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: []string{"GET"}}},
		{Field: aws.String("query-string"), QueryStringConfig: &types.QueryStringConditionConfig{Values: []types.QueryStringKeyValuePair{{Key: aws.String("v"), Value: aws.String("1")}}}},
		{Field: aws.String("source-ip"), SourceIpConfig: &types.SourceIpConditionConfig{Values: []string{"10.1.2.3/8"}}},
	}
	made, err := f.CreateRule(t.Context(), &sdk.CreateRuleInput{ListenerArn: &listener, Priority: aws.Int32(1), Conditions: conditions, Actions: []types.Action{
		{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{StatusCode: types.RedirectActionStatusCodeEnumHttp302, Protocol: aws.String("HTTPS"), Port: aws.String("443")}}}})
	f.must(err)
	rule := made.Rules[0]
	if to := rule.Actions[0].RedirectConfig; *to.Host != "#{host}" || *to.Path != "/#{path}" || *to.Query != "#{query}" {
		t.Errorf("%+v", to)
	}
	if c := rule.Conditions; c[0].Values[0] != "*.example.com" || c[0].HostHeaderConfig.Values[0] != "*.example.com" || *c[3].QueryStringConfig.Values[0].Value != "1" {
		t.Errorf("%+v", c)
	}
	eventually(t, "the data path knows the rule", func() bool {
		b := f.plane.balancer(lb)
		return b != nil && len(b.Listeners) == 1 && len(b.Listeners[0].Rules) == 2
	})
	is := f.plane.balancer(lb).Listeners[0].Rules[0]
	if got := fmt.Sprint(is.Conditions); got != "[{host-header  [*.example.com] [] []} {http-header X-Test [a*] [] []} {http-request-method  [GET] [] []} {query-string  [] [{v 1}] []} {source-ip  [] [] [10.0.0.0/8]}]" {
		t.Error(got)
	}
	if got := fmt.Sprintf("%+v", *is.Action.Redirect); got != "{Status:302 Protocol:HTTPS Host:#{host} Port:443 Path:/#{path} Query:#{query}}" {
		t.Error(got)
	}
	_, err = f.ModifyRule(t.Context(), &sdk.ModifyRuleInput{RuleArn: rule.RuleArn, Conditions: onPath("/up"), Actions: []types.Action{{Type: types.ActionTypeEnumFixedResponse,
		FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("503"), MessageBody: aws.String("closed")}}}})
	f.must(err)
	eventually(t, "the data path knows what the rule has become", func() bool {
		is := f.plane.balancer(lb).Listeners[0].Rules[0]
		return is.Action.Fixed != nil && is.Action.Fixed.Status == 503 && is.Action.Fixed.Body == "closed" && is.Conditions[0].Values[0] == "/up"
	})
}

func TestTheDefaultRuleStays(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	listener := f.listen(lb, group, 80)
	out, err := f.DescribeRules(t.Context(), &sdk.DescribeRulesInput{ListenerArn: &listener})
	f.must(err)
	byDefault := out.Rules[0].RuleArn
	_, err = f.DeleteRule(t.Context(), &sdk.DeleteRuleInput{RuleArn: byDefault})
	wantError(t, err, "OperationNotPermitted", "Default rule '"+*byDefault+"' cannot be deleted")
	_, err = f.ModifyRule(t.Context(), &sdk.ModifyRuleInput{RuleArn: byDefault, Actions: forward(group)})
	wantError(t, err, "OperationNotPermitted", "Default rule '"+*byDefault+"' cannot be modified")
	_, err = f.SetRulePriorities(t.Context(), &sdk.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{{RuleArn: byDefault, Priority: aws.Int32(1)}}})
	wantError(t, err, "OperationNotPermitted", "The priority of default rule '"+*byDefault+"' cannot be modified")
	_, err = f.ModifyRule(t.Context(), &sdk.ModifyRuleInput{RuleArn: byDefault})
	wantError(t, err, "ValidationError", "Either conditions or actions must be specified")
	rule := f.rule(listener, group, "/a", 1)
	_, err = f.DeleteRule(t.Context(), &sdk.DeleteRuleInput{RuleArn: &rule})
	f.must(err)
	_, err = f.DeleteRule(t.Context(), &sdk.DeleteRuleInput{RuleArn: &rule})
	wantError(t, err, "RuleNotFound", "Rule '"+rule+"' not found")
}

func TestALoadBalancerHasABoundOfRules(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	listener := f.listen(lb, group, 80)
	for n := range int32(maxRules) {
		f.rule(listener, group, "/a", n+1)
	}
	_, err := f.CreateRule(t.Context(), &sdk.CreateRuleInput{ListenerArn: &listener, Priority: aws.Int32(1000), Conditions: onPath("/a"), Actions: forward(group)})
	wantError(t, err, "TooManyRules", "The maximum number of rules per load balancer has been reached: 100")
	_, err = f.DeleteListener(t.Context(), &sdk.DeleteListenerInput{ListenerArn: &listener})
	f.must(err)
}
