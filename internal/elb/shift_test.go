package elb

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/berth-dev/berth/internal/store"
)

func TestTrafficIsShiftedByWeights(t *testing.T) {
	f := newFixture(t)
	lb, blue, green := f.application("web"), f.targets("blue", types.ProtocolEnumHttp), f.targets("green", types.ProtocolEnumHttp)
	listener := f.listen(lb, blue, 80)
	made, err := f.CreateRule(t.Context(), &sdk.CreateRuleInput{ListenerArn: &listener, Priority: aws.Int32(1), Conditions: onPath("/*"), Actions: []types.Action{{
		Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: &blue}},
			TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true), DurationSeconds: aws.Int32(60)}}}}})
	f.must(err)
	rule := *made.Rules[0].RuleArn
	before, err := f.service.RuleGroups(here, rule)
	if want := map[string]int{blue: 1}; err != nil || !maps.Equal(before, want) {
		t.Errorf("%v %v", before, err)
	}
	if g, err := f.service.Group(here, green); err != nil || g.Balanced || !g.Checked || g.Instance || g.VPC != vpc || g.Protocol != "HTTP" {
		t.Errorf("%+v %v", g, err)
	}
	want := map[string]int{blue: 95, green: 5}
	f.tx(func(tx *store.Tx) error { return f.service.SetWeights(tx, here, rule, want) })
	after, err := f.service.RuleGroups(here, rule)
	if err != nil || !maps.Equal(after, want) {
		t.Errorf("%v %v", after, err)
	}
	eventually(t, "the data path knows the weights", func() bool {
		b := f.plane.balancer(lb)
		if b == nil || len(b.Listeners) == 0 {
			return false
		}
		forward := b.Listeners[0].Rules[0].Action.Forward
		return len(forward.Groups) == 2 && forward.Groups[0].Weight == 95 && forward.Sticky.Seconds() == 60 && f.plane.group(green) != nil
	})
	if g, _ := f.service.Group(here, green); !g.Balanced {
		t.Error("a group that gets traffic is not balanced")
	}
	err = f.service.db.Update(t.Context(), func(tx *store.Tx) error {
		return f.service.SetWeights(tx, here, rule, map[string]int{"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/x/1": 1})
	})
	if !errors.Is(err, ErrNoGroup) {
		t.Errorf("a group that is not there: %v", err)
	}
	elsewhere := f.targets("elsewhere", types.ProtocolEnumHttp)
	f.listen(f.application("other"), elsewhere, 80)
	err = f.service.db.Update(t.Context(), func(tx *store.Tx) error {
		return f.service.SetWeights(tx, here, rule, map[string]int{blue: 95, elsewhere: 5})
	})
	if err == nil || !strings.Contains(err.Error(), "cannot be associated with more than one load balancer: "+elsewhere) {
		t.Errorf("a group of another load balancer: %v", err)
	}
	if _, err := f.service.RuleGroups(here, lb); !errors.Is(err, ErrNoRule) {
		t.Errorf("what is no rule: %v", err)
	}
	if _, err := f.service.Group(here, lb); !errors.Is(err, ErrNoGroup) {
		t.Errorf("what is no group: %v", err)
	}
}

func TestTags(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	listener := f.listen(lb, group, 80)
	all := []string{lb, group, listener, f.rule(listener, group, "/a", 1)}
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	_, err := f.AddTags(t.Context(), &sdk.AddTagsInput{ResourceArns: all, Tags: []types.Tag{tag("a", "1"), tag("b", "2")}})
	f.must(err)
	_, err = f.AddTags(t.Context(), &sdk.AddTagsInput{ResourceArns: all[:1], Tags: []types.Tag{tag("a", "3")}})
	f.must(err)
	_, err = f.RemoveTags(t.Context(), &sdk.RemoveTagsInput{ResourceArns: all, TagKeys: []string{"b", "c"}})
	f.must(err)
	out, err := f.DescribeTags(t.Context(), &sdk.DescribeTagsInput{ResourceArns: all})
	f.must(err)
	for i, d := range out.TagDescriptions {
		want := "1"
		if i == 0 {
			want = "3"
		}
		if *d.ResourceArn != all[i] || len(d.Tags) != 1 || *d.Tags[0].Key != "a" || *d.Tags[0].Value != want {
			t.Errorf("%s has %+v", *d.ResourceArn, d.Tags)
		}
	}
	_, err = f.DescribeTags(t.Context(), &sdk.DescribeTagsInput{ResourceArns: []string{"x"}})
	wantError(t, err, "ValidationError", "'x' is not a valid resource ARN")
	var many []types.Tag
	for n := range maxTags {
		many = append(many, tag("k"+decimal(aws.Int32(int32(n))), ""))
	}
	_, err = f.AddTags(t.Context(), &sdk.AddTagsInput{ResourceArns: all[:1], Tags: many})
	wantError(t, err, "TooManyTags", "The maximum number of tags for this resource has been reached: 50")
	_, err = f.AddTags(t.Context(), &sdk.AddTagsInput{ResourceArns: all[:1], Tags: []types.Tag{tag("aws:x", "")}})
	wantError(t, err, "ValidationError", "Tag keys that begin with 'aws:' are reserved: 'aws:x'")
}
