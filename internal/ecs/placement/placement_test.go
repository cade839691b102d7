package placement

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The choice depends on the request, the seed and the machines; the order of the candidates is nothing to it.
func TestDeterministicForASeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := NewLedger()
		var candidates []Instance
		for i := range rapid.IntRange(1, 20).Draw(t, "instances") {
			name := fmt.Sprint("m", i)
			l.Join("i-"+name, name, Capacity{4096, rapid.Int64Range(0, 3).Draw(t, "memory") * 1024}, nil)
			candidates = append(candidates, Instance{ID: "i-" + name, Machine: name, Active: true, Connected: rapid.Bool().Draw(t, "connected")})
		}
		r := Request{Demand: Demand{Memory: 1024}, Seed: rapid.Uint64().Draw(t, "seed"), Strategy: Strategy(rapid.IntRange(0, 1).Draw(t, "strategy"))}
		first, refusals, ok := Place(r, l, candidates)
		again, refusedAgain, okAgain := Place(r, l, rapid.Permutation(candidates).Draw(t, "order"))
		if ok != okAgain || first.ID != again.ID || !slices.Equal(refusals, refusedAgain) {
			t.Fatalf("%v %v %v, then %v %v %v", first.ID, refusals, ok, again.ID, refusedAgain, okAgain)
		}
	})
}

func TestRandomUsesEveryInstance(t *testing.T) {
	l := NewLedger()
	var candidates []Instance
	for i := range 4 {
		name := fmt.Sprint("m", i)
		l.Join(name, name, Capacity{1024, 1024}, nil)
		candidates = append(candidates, Instance{ID: name, Machine: name, Active: true, Connected: true})
	}
	count := map[string]int{}
	for seed := range uint64(4000) {
		chosen, _, _ := Place(Request{Seed: seed}, l, candidates)
		count[chosen.ID]++
	}
	for id, n := range count {
		if n < 800 || n > 1200 {
			t.Errorf("%s was drawn %d times of 4000", id, n)
		}
	}
}

func TestEmptiestMachineFirst(t *testing.T) {
	l := NewLedger()
	l.Join("a", "a", Capacity{0, 4000}, nil)
	l.Join("b", "b", Capacity{0, 1000}, nil)
	l.Commit("t", "a", Demand{Memory: 1000})
	chosen, _, _ := Place(Request{Strategy: Emptiest}, l, []Instance{
		{ID: "a", Machine: "a", Active: true, Connected: true}, {ID: "b", Machine: "b", Active: true, Connected: true}})
	if chosen.ID != "b" {
		t.Errorf("chose %s, which has a smaller share free", chosen.ID)
	}
}

func TestRefusalsNameTheClosestMatchFirst(t *testing.T) {
	l := NewLedger()
	for _, name := range []string{"draining", "lost", "plain", "small", "smaller", "busy", "slow"} {
		l.Join(name, name, Capacity{4096, 4096}, []Port{{"tcp", 22}})
	}
	l.Commit("1", "small", Demand{Memory: 3500})
	l.Commit("2", "smaller", Demand{Memory: 3600})
	l.Commit("3", "busy", Demand{Ports: []Port{{"udp", 53}}})
	l.Commit("4", "slow", Demand{CPU: 4000})
	gpu := map[string]string{"gpu": "", "zone": "a"}
	request := Request{Demand: Demand{CPU: 512, Memory: 1024, Ports: []Port{{"udp", 53}}},
		Attributes: []Attribute{{"gpu", ""}, {"zone", "a"}}}
	candidates := []Instance{
		{ID: "draining", Machine: "draining", Connected: true, Attributes: gpu},
		{ID: "gone", Machine: "gone", Active: true, Connected: true, Attributes: gpu},
		{ID: "lost", Machine: "lost", Active: true, Attributes: gpu},
		{ID: "plain", Machine: "plain", Active: true, Connected: true, Attributes: map[string]string{"zone": "b"}},
		{ID: "smaller", Machine: "smaller", Active: true, Connected: true, Attributes: gpu},
		{ID: "small", Machine: "small", Active: true, Connected: true, Attributes: gpu},
		{ID: "busy", Machine: "busy", Active: true, Connected: true, Attributes: gpu},
		{ID: "slow", Machine: "slow", Active: true, Connected: true, Attributes: gpu},
	}
	_, refusals, ok := Place(request, l, candidates)
	if ok {
		t.Fatal("placed where nothing fits")
	}
	var got []string
	for _, v := range refusals {
		got = append(got, fmt.Sprintf("%s %s %s", v.Instance, v.Obstacle, v.Detail))
	}
	want := []string{
		"busy RESOURCE:PORTS_UDP 53/udp",
		"slow RESOURCE:CPU ",
		"small RESOURCE:MEMORY ",
		"smaller RESOURCE:MEMORY ",
		"lost AGENT ",
		"plain ATTRIBUTE gpu, zone",
		"draining INACTIVE ",
		"gone INACTIVE ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("refusals\n%q\nwant\n%q", got, want)
	}
	sentence := "No container instance met all of its requirements. The closest matching (container-instance busy) " +
		"is already using a port required by your task: 53/udp."
	if s := Explain(refusals); s != sentence {
		t.Errorf("explained as %q, want %q", s, sentence)
	}
	if s := Explain(nil); s != "No Container Instances were found in your cluster." {
		t.Errorf("no candidates explained as %q", s)
	}
}

func TestAPortAskedForTwiceFitsNowhere(t *testing.T) {
	l := NewLedger()
	l.Join("a", "a", Capacity{1024, 1024}, []Port{{"tcp", 22}})
	a := Instance{ID: "a", Machine: "a", Active: true, Connected: true}
	for name, ports := range map[string][]Port{"twice": {{"tcp", 80}, {"tcp", 80}}, "the machine's own": {{"tcp", 22}}} {
		if v := Check(Request{Demand: Demand{Ports: ports}}, l, a); v.Obstacle != Ports {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v := Check(Request{Demand: Demand{Ports: []Port{{"tcp", 80}, {"udp", 80}, {"udp", 22}}}}, l, a); v.Obstacle != None {
		t.Errorf("tcp and udp of one number: %+v", v)
	}
}

func BenchmarkPlaceOn5000(b *testing.B) {
	l := NewLedger()
	attributes := map[string]string{}
	var want []Attribute
	for i := range 50 {
		name := fmt.Sprintf("com.amazonaws.ecs.capability.docker-remote-api.1.%d", i)
		attributes[name] = ""
		if i%10 == 0 {
			want = append(want, Attribute{Name: name})
		}
	}
	var candidates []Instance
	for i := range 5000 {
		name := fmt.Sprintf("%032x", i)
		l.Join(name, name, Capacity{8192, 16384}, nil)
		candidates = append(candidates, Instance{ID: name, Machine: name, Active: true, Connected: true, Attributes: attributes})
	}
	for b.Loop() {
		if _, _, ok := Place(Request{Demand: Demand{CPU: 256, Memory: 512}, Attributes: want}, l, candidates); !ok {
			b.Fatal("no place")
		}
	}
}
