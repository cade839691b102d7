package placement

import (
	"fmt"
	"runtime"
	"testing"
)

// full is a cluster of 5,000 instances in three zones, with 100,000 tasks of 500 groups, every tenth instance full.
func full() *Ledger {
	l := NewLedger()
	zones := []string{"us-east-1a", "us-east-1b", "us-east-1c"}
	for i := range 5000 {
		attributes := []Attribute{{"ecs.availability-zone", zones[i%3]}, {"ecs.instance-type", fmt.Sprint("m5.", i%4)}}
		for n := range 50 {
			attributes = append(attributes, Attribute{Name: fmt.Sprintf("com.amazonaws.ecs.capability.docker-remote-api.1.%d", n)})
		}
		c := on(fmt.Sprintf("%032x", i*7919), 16384, 65536, attributes...)
		c.ID = c.Machine
		c.Ports = []Port{{"tcp", 22}, {"tcp", 2375}, {"tcp", 2376}, {"tcp", 51678}, {"tcp", 51679}}
		if i%10 == 0 {
			c.Total.Memory = 20 * 512
		}
		l.Join(c)
		for n := range 20 {
			l.Commit(Task{ID: fmt.Sprintf("%032x", i*20+n), Instance: c.ID, Machine: c.Machine, Group: fmt.Sprint("service:s", (i*20+n)%500),
				Demand: Demand{CPU: 256, Memory: 512}, Running: true})
		}
	}
	return l
}

func BenchmarkPlaceTenOn5000(b *testing.B) {
	l := full()
	request := Request{Pool: cluster, Group: "service:s7", Demand: Demand{CPU: 256, Memory: 512}, Zones: []string{"us-east-1a", "us-east-1b", "us-east-1c"}}
	for n := range 6 {
		request.Attributes = append(request.Attributes, Attribute{Name: fmt.Sprintf("com.amazonaws.ecs.capability.docker-remote-api.1.%d", n*7)})
	}
	zones, instances := Strategy{Spread, "attribute:ecs.availability-zone"}, Strategy{Spread, InstanceID}
	for _, c := range []struct {
		name        string
		constraints []Constraint
		strategies  []Strategy
		memory      int64
	}{
		{name: "no strategy"},
		{name: "random", strategies: []Strategy{{Type: Random}}},
		{name: "spread zones", strategies: []Strategy{zones}},
		{name: "spread instances", strategies: []Strategy{instances}},
		{name: "spread zones instances", strategies: []Strategy{zones, instances}},
		{name: "binpack cpu", strategies: []Strategy{{Binpack, FieldCPU}}},
		{name: "binpack memory", strategies: []Strategy{{Binpack, FieldMemory}}},
		{name: "spread zones binpack", strategies: []Strategy{zones, {Binpack, FieldMemory}}},
		{name: "emptiest", strategies: []Strategy{{Type: Emptiest}}},
		{name: "distinct", constraints: []Constraint{{Type: DistinctInstance}}},
		{name: "distinct spread", constraints: []Constraint{{Type: DistinctInstance}}, strategies: []Strategy{zones, instances}},
		{name: "members by attribute", constraints: []Constraint{memberOf("attribute:ecs.instance-type =~ m5.* and not(attribute:ecs.availability-zone == us-east-1c)")}, strategies: []Strategy{instances}},
		{name: "members by group", constraints: []Constraint{memberOf("not(task:group == service:s8) and runningTasksCount < 100")}, strategies: []Strategy{instances}},
		{name: "members by pattern", constraints: []Constraint{memberOf("not(task:group =~ .*[xyz]-canary) and not(task:group =~ service:x.*)")}, strategies: []Strategy{instances}},
		{name: "nowhere", memory: 1 << 20},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := request
			r.Constraints, r.Strategies, r.Memory = c.constraints, c.strategies, max(r.Memory, c.memory)
			ids := names(10)
			b.ReportAllocs()
			for b.Loop() {
				r.Seed += 10
				if n := len(l.Place(r, ids)); n < 10 && c.memory == 0 {
					b.Fatal("no room")
				}
				if c.memory > 0 {
					l.Verdicts(r, 100)
				}
				for _, id := range ids {
					l.Drop(id)
				}
			}
		})
	}
}

// An agent that comes or goes, or whose record changes otherwise, among 5,000.
func BenchmarkJoin(b *testing.B) {
	l := full()
	var all []Instance
	for _, c := range l.pools[cluster].members {
		all = append(all, c.Instance)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		i := all[n%len(all)]
		i.Connected = n/len(all)%2 == 1
		l.Join(i)
		n++
	}
}

func BenchmarkLeaveAndJoin(b *testing.B) {
	l := full()
	var all []Instance
	for _, c := range l.pools[cluster].members {
		all = append(all, c.Instance)
	}
	n := 0
	for b.Loop() {
		l.Leave(all[n%len(all)].ID)
		l.Join(all[n%len(all)])
		n++
	}
}

func BenchmarkHoldAndRelease(b *testing.B) {
	l := full()
	id := l.pools[cluster].members[77].ID
	t := Task{ID: "new", Instance: id, Machine: id, Group: "service:s7", Demand: Demand{CPU: 256, Memory: 512}}
	b.ReportAllocs()
	for b.Loop() {
		l.Hold(t)
		l.Commit(t)
		l.Release(t.ID)
	}
}

func BenchmarkMemoryOf100000Tasks(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		l := full()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		runtime.KeepAlive(l)
	}
}
