package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/wire/client"
)

// balancerView is a load balancer as `berth lb` shows it.
type balancerView struct {
	Name      string         `json:"name"`
	ARN       string         `json:"loadBalancerArn"`
	Type      string         `json:"type"`
	State     string         `json:"state"`
	Reason    string         `json:"stateReason,omitzero"`
	DNSName   string         `json:"dnsName"`
	Listeners []listenerView `json:"listeners"`
	Targets   []targetView   `json:"targets"`
}

// listenerView is a listener of it.
type listenerView struct {
	ARN      string     `json:"listenerArn"`
	Protocol string     `json:"protocol"`
	Port     int32      `json:"port"`
	URL      string     `json:"url,omitzero"`
	Problem  string     `json:"problem,omitzero"` // why there is no URL
	Does     string     `json:"default"`          // what becomes of what no rule is for
	Rules    []ruleView `json:"rules"`
}

// targetView is a target of a group that it forwards to.
type targetView struct {
	Group       string `json:"targetGroup"` // name
	GroupARN    string `json:"targetGroupArn"`
	Target      string `json:"target"` // address or instance
	Port        int32  `json:"port"`
	Zone        string `json:"availabilityZone,omitzero"`
	State       string `json:"state"`
	Reason      string `json:"reason,omitzero"`
	Description string `json:"description,omitzero"`
}

// balancers looks load balancers up, the one of a name or ARN, or all.
func (t *target) balancers(ctx context.Context, name string) ([]balancerView, error) {
	ask := &elbv2.DescribeLoadBalancersInput{}
	switch {
	case strings.HasPrefix(name, "arn:"):
		ask.LoadBalancerArns = []string{name}
	case name != "":
		ask.Names = []string{name}
	}
	published, err := t.operator.Published(ctx)
	if err != nil {
		return nil, err
	}
	views := []balancerView{}
	for {
		page, err := client.Call(ctx, t.client, elbv2.DescribeLoadBalancers, ask)
		if hasCode(err, "LoadBalancerNotFound") {
			return nil, fmt.Errorf("there is no load balancer %s in %s; `%s` lists them", name, t.region, t.flags.line("lb", "ls"))
		}
		if err != nil {
			return nil, err
		}
		for i := range page.LoadBalancers {
			v, err := t.balancer(ctx, &page.LoadBalancers[i], published)
			if err != nil {
				return nil, err
			}
			views = append(views, v)
		}
		if ask.Marker = page.NextMarker; ask.Marker == "" {
			return views, nil
		}
	}
}

// balancer looks up what belongs to a load balancer.
func (t *target) balancer(ctx context.Context, b *elbv2.LoadBalancer, published []operator.Published) (balancerView, error) {
	v := balancerView{Name: b.LoadBalancerName, ARN: b.LoadBalancerArn, Type: string(b.Type), DNSName: b.DNSName, Listeners: []listenerView{}, Targets: []targetView{}}
	if b.State != nil {
		v.State, v.Reason = string(b.State.Code), b.State.Reason
	}
	ask := &elbv2.DescribeListenersInput{LoadBalancerArn: v.ARN}
	for {
		page, err := client.Call(ctx, t.client, elbv2.DescribeListeners, ask)
		if err != nil {
			return v, err
		}
		for _, l := range page.Listeners {
			of := viewOfListener(l, published)
			if of.Rules, err = t.rulesOf(ctx, of.ARN); err != nil {
				return v, err
			}
			v.Listeners = append(v.Listeners, of)
		}
		if ask.Marker = page.NextMarker; ask.Marker == "" {
			break
		}
	}
	var err error
	v.Targets, err = t.targetsOf(ctx, v.ARN)
	return v, err
}

func viewOfListener(l elbv2.Listener, published []operator.Published) listenerView {
	v := listenerView{ARN: l.ListenerArn, Protocol: string(l.Protocol), Does: doesText(l.DefaultActions)}
	if l.Port != nil {
		v.Port = *l.Port
	}
	if i := slices.IndexFunc(published, func(p operator.Published) bool { return p.Listener == l.ListenerArn }); i >= 0 {
		v.URL, v.Problem = published[i].URL, published[i].Problem
	}
	return v
}

// doesText is what becomes of a request, in a few words.
func doesText(actions []elbv2.Action) string {
	var parts []string
	for _, a := range actions {
		switch {
		case a.RedirectConfig != nil:
			parts = append(parts, "redirect "+string(a.RedirectConfig.StatusCode))
		case a.FixedResponseConfig != nil:
			parts = append(parts, "answer "+a.FixedResponseConfig.StatusCode)
		case a.ForwardConfig != nil && len(a.ForwardConfig.TargetGroups) > 0:
			for _, g := range a.ForwardConfig.TargetGroups {
				text := "to " + groupName(g.TargetGroupArn)
				if g.Weight != nil && len(a.ForwardConfig.TargetGroups) > 1 {
					text += fmt.Sprintf(" (%d)", *g.Weight)
				}
				parts = append(parts, text)
			}
		case a.TargetGroupArn != "":
			parts = append(parts, "to "+groupName(a.TargetGroupArn))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

// targetsOf are the targets of the groups that a load balancer forwards to.
func (t *target) targetsOf(ctx context.Context, balancer string) ([]targetView, error) {
	targets := []targetView{}
	ask := &elbv2.DescribeTargetGroupsInput{LoadBalancerArn: balancer}
	for {
		page, err := client.Call(ctx, t.client, elbv2.DescribeTargetGroups, ask)
		if err != nil {
			return nil, err
		}
		for _, g := range page.TargetGroups {
			health, err := client.Call(ctx, t.client, elbv2.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})
			if err != nil {
				return nil, err
			}
			for _, d := range health.TargetHealthDescriptions {
				targets = append(targets, viewOfTarget(g, d))
			}
		}
		if ask.Marker = page.NextMarker; ask.Marker == "" {
			return targets, nil
		}
	}
}

func viewOfTarget(g elbv2.TargetGroup, d elbv2.TargetHealthDescription) targetView {
	v := targetView{Group: g.TargetGroupName, GroupARN: g.TargetGroupArn}
	if d.Target != nil {
		v.Target, v.Zone = d.Target.Id, d.Target.AvailabilityZone
		if d.Target.Port != nil {
			v.Port = *d.Target.Port
		}
	}
	if h := d.TargetHealth; h != nil {
		v.State, v.Reason, v.Description = string(h.State), string(h.Reason), h.Description
	}
	return v
}
