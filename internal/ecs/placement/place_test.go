package placement

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The choice depends on the request, the seed and what is there; the order in which it came is nothing to it.
func TestDeterministicForASeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var instances []Instance
		for i := range rapid.IntRange(1, 20).Draw(t, "instances") {
			instances = append(instances, drawInstance(t, fmt.Sprint("m", i)))
		}
		first, second := ledgerOf(instances...), ledgerOf(rapid.Permutation(instances).Draw(t, "order")...)
		for n := range rapid.IntRange(1, 5).Draw(t, "requests") {
			r := drawRequest(t)
			var ids []string
			for i := range 4 {
				ids = append(ids, fmt.Sprint("t", n, "-", i))
			}
			a, b := first.Place(r, ids), second.Place(r, ids)
			if fmt.Sprint(a) != fmt.Sprint(b) {
				t.Fatalf("%v, then %v", a, b)
			}
			if a, b := first.Verdicts(r, 5), second.Verdicts(r, 5); !slices.Equal(a, b) {
				t.Fatalf("verdicts %v, then %v", a, b)
			}
		}
	})
}

func TestRandomUsesEveryInstance(t *testing.T) {
	l := ledgerOf(on("a", 0, 1024), on("b", 0, 1024), on("c", 0, 1024), on("d", 0, 1024))
	for name, r := range map[string]Request{"no strategy": {}, "random": {Strategies: []Strategy{{Type: Random}}},
		"equals of a strategy": {Strategies: []Strategy{{Type: Spread, Field: FieldAttribute + "rack"}}}} {
		r.Pool = cluster
		count := map[string]int{}
		for r.Seed = range uint64(4000) {
			count[l.Place(r, []string{"t"})[0].Instance.ID]++
			l.Drop("t")
		}
		for id, n := range count {
			if n < 800 || n > 1200 {
				t.Errorf("%s: %s was drawn %d times of 4000", name, id, n)
			}
		}
	}
}

// One instance of many has room: it is found, and no more tasks than fit are placed.
func TestTheOnlyRoomIsFound(t *testing.T) {
	l := NewLedger()
	for i := range 500 {
		l.Join(on(fmt.Sprint(i), 0, 100))
	}
	l.Join(on("room", 0, 250))
	placed := l.Place(Request{Pool: cluster, Demand: Demand{Memory: 101}}, names(10))
	if len(placed) != 2 || placed[0].Instance.ID != "i-room" || placed[1].Instance.ID != "i-room" {
		t.Errorf("placed %v", placed)
	}
}

func TestStrategies(t *testing.T) {
	zone := func(z string) Attribute { return Attribute{"zone", z} }
	machines := []Instance{on("a1", 4096, 4096, zone("a")), on("a2", 2048, 8192, zone("a")), on("b1", 5000, 6000, zone("b")), on("c1", 9000, 9000)}
	small := Demand{CPU: 512, Memory: 1024}
	for name, test := range map[string]struct {
		strategies []Strategy
		want       map[string]int // machines of the eight tasks
	}{
		"spread over instances":      {[]Strategy{{Spread, InstanceID}}, map[string]int{"a1": 2, "a2": 2, "b1": 2, "c1": 2}},
		"binpack cpu":                {[]Strategy{{Binpack, FieldCPU}}, map[string]int{"a2": 4, "a1": 4}},
		"binpack memory":             {[]Strategy{{Binpack, FieldMemory}}, map[string]int{"a1": 4, "b1": 4}},
		"emptiest":                   {[]Strategy{{Emptiest, ""}}, map[string]int{"a1": 1, "a2": 2, "b1": 2, "c1": 3}},
		"spread over zones, binpack": {[]Strategy{{Spread, "attribute:zone"}, {Binpack, FieldMemory}}, map[string]int{"a1": 3, "b1": 3, "c1": 2}},
		"spread over zones, then instances": {[]Strategy{{Spread, "attribute:zone"}, {Spread, InstanceID}, {Binpack, FieldMemory}},
			map[string]int{"a1": 2, "a2": 1, "b1": 3, "c1": 2}},
	} {
		l := ledgerOf(machines...)
		// Others' tasks and those that are to stop are nothing to spread.
		other := task("other", "b1", "others", Demand{})
		ending := task("ending", "b1", "mine", Demand{})
		ending.Ending = true
		l.Commit(other)
		l.Commit(ending)
		got := map[string]int{}
		for _, p := range l.Place(Request{Pool: cluster, Group: "mine", Demand: small, Strategies: test.strategies, Seed: 7}, names(8)) {
			got[p.Instance.Machine]++
		}
		if name == "spread over zones, binpack" || name == "spread over zones, then instances" {
			// Which of three equal zones gets two is chance.
			zones := map[int]int{}
			zones[got["a1"]+got["a2"]]++
			zones[got["b1"]]++
			zones[got["c1"]]++
			if zones[3] != 2 || zones[2] != 1 || (name == "spread over zones, binpack") != (got["a2"] == 0) {
				t.Errorf("%s: %v", name, got)
			}
			continue
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// The tasks that a group has on instances which take no more count as well.
func TestSpreadCountsWhatIsThere(t *testing.T) {
	full := on("a1", 1024, 1024, Attribute{"zone", "a"})
	full.Active = false
	l := ledgerOf(full, on("a2", 1024, 1024, Attribute{"zone", "a"}), on("b1", 1024, 1024, Attribute{"zone", "b"}))
	for n := range 3 {
		l.Commit(task(fmt.Sprint("old", n), "a1", "g", Demand{}))
	}
	for range 3 {
		if got := l.one(t, Request{Group: "g", Strategies: []Strategy{{Spread, "attribute:zone"}}}); got != "b1" {
			t.Errorf("placed on %s", got)
		}
	}
}

func TestDistinctInstance(t *testing.T) {
	l := ledgerOf(on("a", 0, 1024), on("b", 0, 1024), on("c", 0, 1024))
	l.Commit(task("old", "a", "g", Demand{}))
	l.Commit(task("other", "b", "h", Demand{}))
	r := Request{Pool: cluster, Group: "g", Constraints: []Constraint{{Type: DistinctInstance}}}
	placed := l.Place(r, names(3))
	if len(placed) != 2 || placed[0].Instance.ID == placed[1].Instance.ID {
		t.Errorf("placed %v", placed)
	}
	if v := l.Verdicts(r, 10); len(v) != 3 || v[0].Obstacle != NotDistinct {
		t.Errorf("verdicts %v", v)
	}
	// A task that is to stop makes room before it has stopped.
	ending := task("old", "a", "g", Demand{})
	ending.Ending = true
	l.Commit(ending)
	if got := l.one(t, r); got != "a" {
		t.Errorf("placed on %s", got)
	}
}

// Where a constraint asks for the group that is being placed, the first task makes room for the second.
func TestAffinityWithinOneRequest(t *testing.T) {
	l := ledgerOf(on("a", 0, 1024), on("b", 0, 1024), on("c", 0, 1024))
	l.Commit(task("seed", "b", "pair", Demand{}))
	r := Request{Pool: cluster, Group: "pair", Constraints: []Constraint{memberOf("task:group == pair")}, Strategies: []Strategy{{Spread, InstanceID}}}
	for _, p := range l.Place(r, names(4)) {
		if p.Instance.Machine != "b" {
			t.Errorf("placed %v", p)
		}
	}
	apart := Request{Pool: cluster, Group: "other", Constraints: []Constraint{memberOf("not(task:group == other)")}}
	if placed := l.Place(apart, names(4)); len(placed) != 3 {
		t.Errorf("%d placed apart from each other", len(placed))
	}
}

func TestGPUs(t *testing.T) {
	with := on("gpu", 0, 1024)
	with.GPUs = []string{"GPU-1", "GPU-2", "GPU-3"}
	l := ledgerOf(on("plain", 0, 1024), with)
	if placed := l.Place(Request{Pool: cluster, Demand: Demand{GPUs: AllGPUs}}, []string{"all"}); len(placed) != 1 || !slices.Equal(placed[0].GPUs, with.GPUs) {
		t.Fatalf("placed %v", placed)
	}
	l.Drop("all")
	placed := l.Place(Request{Pool: cluster, Demand: Demand{GPUs: 2}}, names(2))
	if len(placed) != 1 || !slices.Equal(placed[0].GPUs, []string{"GPU-1", "GPU-2"}) {
		t.Fatalf("placed %v", placed)
	}
	if used := l.Used("gpu"); len(used.GPUs) != 2 {
		t.Errorf("used %v", used)
	}
	for _, gpus := range []int64{2, AllGPUs} {
		if v := l.Verdicts(Request{Pool: cluster, Demand: Demand{GPUs: gpus}}, 1); v[0].Instance != "i-gpu" || v[0].Obstacle != GPU {
			t.Errorf("verdicts %v", v)
		}
	}
}

func TestTheNamedInstance(t *testing.T) {
	l := ledgerOf(on("a", 0, 100), on("b", 0, 1000))
	for _, strategies := range [][]Strategy{nil, {{Spread, InstanceID}}} {
		r := Request{Pool: cluster, Instance: "i-a", Demand: Demand{Memory: 100}, Strategies: strategies}
		if placed := l.Place(r, names(2)); len(placed) != 1 || placed[0].Instance.ID != "i-a" {
			t.Errorf("placed %v", placed)
		}
		if v := l.Verdicts(r, 10); len(v) != 1 || v[0].Obstacle != Memory {
			t.Errorf("verdicts %v", v)
		}
		l.Drop("new0")
	}
	none := Request{Pool: cluster, Instance: "i-none"}
	if placed, v := l.Place(none, names(1)), l.Verdicts(none, 10); len(placed) != 0 || len(v) != 1 || v[0] != (Verdict{Instance: "i-none", Obstacle: Inactive}) {
		t.Errorf("placed %v, verdicts %v", placed, v)
	}
}

func TestAwaits(t *testing.T) {
	away := on("away", 0, 1000)
	away.Connected = false
	l := ledgerOf(away, on("full", 0, 100))
	for memory, want := range map[int64]bool{50: false, 500: true, 5000: false} {
		if l.Awaits(Request{Pool: cluster, Demand: Demand{Memory: memory}}, 1) != want {
			t.Errorf("%d MiB: %v", memory, !want)
		}
	}
	for n, want := range map[int]bool{2: false, 3: true} {
		if l.Awaits(Request{Pool: cluster, Demand: Demand{Memory: 50}}, n) != want {
			t.Errorf("%d where there is room for two: %v", n, !want)
		}
	}
	if used := l.Used("full"); used.Memory != 0 {
		t.Errorf("asking has taken %d MiB", used.Memory)
	}
	for name, r := range map[string]Request{"a pool": {Pool: "empty"}, "a part of one": {Pool: cluster, Part: Attribute{"rack", "1"}}} {
		if !l.Awaits(r, 1) {
			t.Errorf("the first agent of %s is not awaited", name)
		}
	}
	if l.Awaits(Request{Pool: cluster, Instance: "i-gone"}, 1) {
		t.Error("an instance that is not there is awaited")
	}
}

// Of a part of a pool, the others are neither chosen nor judged.
func TestAPartOfAPool(t *testing.T) {
	rack := func(n string) Attribute { return Attribute{"rack", n} }
	l := ledgerOf(on("a", 0, 100, rack("1")), on("b", 0, 1000, rack("2")), on("c", 0, 1000))
	r := Request{Pool: cluster, Part: rack("1"), Demand: Demand{Memory: 60}}
	if placed := l.Place(r, names(2)); len(placed) != 1 || placed[0].Instance.ID != "i-a" {
		t.Errorf("placed %v", placed)
	}
	if v := l.Verdicts(r, 10); len(v) != 1 || v[0].Instance != "i-a" || v[0].Obstacle != Memory {
		t.Errorf("verdicts %v", v)
	}
	r.Part = rack("3")
	if v := l.Verdicts(r, 10); len(v) != 0 {
		t.Errorf("verdicts of nobody: %v", v)
	}
	if v := l.Check(r, "i-gone"); v.Obstacle != Foreign {
		t.Errorf("verdict on one that is not there: %v", v)
	}
}
