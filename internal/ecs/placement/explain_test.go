package placement

import (
	"fmt"
	"slices"
	"testing"
)

func TestVerdictsNameTheClosestMatchFirst(t *testing.T) {
	gpu := []Attribute{{"gpu", ""}, {"zone", "a"}}
	l := NewLedger()
	for _, name := range []string{"draining", "lost", "plain", "small", "smaller", "busy", "slow", "far", "other", "cabled", "bare", "same"} {
		i := on(name, 4096, 4096, gpu...)
		i.Ports, i.GPUs, i.Total.ENIs, i.Zone = []Port{{"tcp", 22}}, []string{"GPU-1"}, 1, "us-east-1a"
		switch name {
		case "draining":
			i.Active = false
		case "lost":
			i.Connected = false
		case "plain":
			i.Attributes = []Attribute{{"zone", "b"}}
		case "far":
			i.Zone = "us-east-1b"
		case "other":
			i.Attributes = append(slices.Clone(gpu), Attribute{"spare", ""})
		}
		l.Join(i)
	}
	l.Commit(task("1", "small", "", Demand{Memory: 3500}))
	l.Commit(task("2", "smaller", "", Demand{Memory: 3600}))
	l.Commit(task("3", "busy", "", Demand{Ports: []Port{{"udp", 53}}}))
	l.Commit(task("4", "slow", "", Demand{CPU: 4000}))
	l.Commit(task("5", "cabled", "", Demand{ENIs: 1}))
	taken := task("6", "bare", "", Demand{GPUs: 1})
	taken.GPUs = []string{"GPU-1"}
	l.Commit(taken)
	l.Commit(task("7", "same", "g", Demand{}))
	request := Request{Pool: cluster, Group: "g", Demand: Demand{CPU: 512, Memory: 1024, Ports: []Port{{"udp", 53}}, GPUs: 1, ENIs: 1},
		Attributes: []Attribute{{"gpu", ""}, {"zone", "a"}}, Zones: []string{"us-east-1a"},
		Constraints: []Constraint{{Type: DistinctInstance}, memberOf("attribute:spare !exists")}}
	if placed := l.Place(request, names(1)); len(placed) > 0 {
		t.Fatalf("placed where nothing fits: %v", placed)
	}
	want := []string{
		"i-same DistinctInstance placement constraint unsatisfied. ",
		"i-busy RESOURCE:PORTS_UDP 53/udp",
		"i-cabled RESOURCE:ENI ",
		"i-bare RESOURCE:GPU ",
		"i-slow RESOURCE:CPU ",
		"i-small RESOURCE:MEMORY ",
		"i-smaller RESOURCE:MEMORY ",
		"i-lost AGENT ",
		"i-far LOCATION us-east-1b",
		"i-other MemberOf placement constraint unsatisfied. attribute:spare !exists",
		"i-plain ATTRIBUTE gpu, zone",
		"i-draining INACTIVE ",
	}
	for most := range len(want) + 2 {
		var got []string
		for _, v := range l.Verdicts(request, most) {
			got = append(got, fmt.Sprintf("%s %s %s", v.Instance, v.Obstacle, v.Detail))
		}
		if !slices.Equal(got, want[:min(most, len(want))]) {
			t.Errorf("verdicts\n%q\nwant\n%q", got, want[:min(most, len(want))])
		}
	}
	if v := l.Check(request, "i-gone"); v.Obstacle != Inactive {
		t.Errorf("an unknown instance: %+v", v)
	}
}

func TestExplain(t *testing.T) {
	for want, verdicts := range map[string][]Verdict{
		"No Container Instances were found in your cluster.": nil,
		"No container instance met all of its requirements. The closest matching (container-instance i) is already using a port required by your task: 53/udp.": {
			{Instance: "i", Obstacle: PortsUDP, Detail: "53/udp"}, {Instance: "j", Obstacle: Agent}},
		"No container instance met all of its requirements. The closest matching (container-instance i) has insufficient memory available.":    {{Instance: "i", Obstacle: Memory}},
		"No container instance met all of its requirements. The closest matching (container-instance i) has insufficient CPU units available.": {{Instance: "i", Obstacle: CPU}},
		`No container instance met all of its requirements. The closest matching (container-instance i) encountered error "AGENT".`:            {{Instance: "i", Obstacle: Agent}},
		`No container instance met all of its requirements. The closest matching (container-instance i) encountered error "MemberOf placement constraint unsatisfied.": attribute:a exists.`: {
			{Instance: "i", Obstacle: NotMember, Detail: "attribute:a exists"}},
	} {
		if got := Explain(verdicts); got != want {
			t.Errorf("explained as %q, want %q", got, want)
		}
	}
}

func TestAPortAskedForTwiceFitsNowhere(t *testing.T) {
	i := on("a", 1024, 1024)
	i.Ports = []Port{{"tcp", 22}}
	l := ledgerOf(i)
	for name, ports := range map[string][]Port{"twice": {{"tcp", 80}, {"tcp", 80}}, "the machine's own": {{"tcp", 22}}} {
		if v := l.Check(Request{Demand: Demand{Ports: ports}}, "i-a"); v.Obstacle != Ports {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v := l.Check(Request{Demand: Demand{Ports: []Port{{"tcp", 80}, {"udp", 80}, {"udp", 22}}}}, "i-a"); v.Obstacle != None {
		t.Errorf("tcp and udp of one number: %+v", v)
	}
}
