package placement

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/berth-dev/berth/internal/ecs/placement/query"
)

const cluster = "cluster"

// on is an instance of a machine of the same name, ready for tasks.
func on(name string, cpu, memory int64, attributes ...Attribute) Instance {
	return Instance{ID: "i-" + name, Machine: name, Pool: cluster, Active: true, Connected: true,
		Total: Capacity{CPU: cpu, Memory: memory}, Attributes: attributes}
}

func ledgerOf(instances ...Instance) *Ledger {
	l := NewLedger()
	for _, i := range instances {
		l.Join(i)
	}
	return l
}

// task is one that is on an instance of [on].
func task(id, machine, group string, d Demand) Task {
	return Task{ID: id, Instance: "i-" + machine, Machine: machine, Group: group, Demand: d}
}

func memberOf(text string) Constraint {
	e, err := query.Parse(text)
	if err != nil {
		panic(err)
	}
	return Constraint{Type: MemberOf, Expression: e}
}

func names(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint("new", i))
	}
	return ids
}

// one places one task, and returns the machine.
func (l *Ledger) one(t *testing.T, r Request) string {
	t.Helper()
	r.Pool = cluster
	placed := l.Place(r, []string{fmt.Sprint("task", len(l.tasks))})
	if len(placed) == 0 {
		t.Fatalf("no room: %v", l.Verdicts(r, 10))
	}
	return placed[0].Instance.Machine
}

var (
	expressions = []string{"attribute:zone == a", "not(task:group == g1)", "task:group == g0 or runningTasksCount == 0", "runningTasksCount < 3",
		"attribute:zone in [a, b] and agentVersion >= 1.2", "agentConnected == true"}
	strategies = []Strategy{{Random, ""}, {Spread, InstanceID}, {Spread, "attribute:zone"}, {Spread, "attribute:none"}, {Binpack, FieldCPU},
		{Binpack, FieldMemory}, {Emptiest, ""}}
)

func drawDemand(t *rapid.T) Demand {
	d := Demand{CPU: rapid.Int64Range(0, 2048).Draw(t, "cpu"), Memory: rapid.Int64Range(0, 4096).Draw(t, "memory"),
		GPUs: max(AllGPUs, rapid.Int64Range(-8, 2).Draw(t, "gpus")), ENIs: rapid.Int64Range(0, 1).Draw(t, "enis")}
	if rapid.Bool().Draw(t, "no gpus") {
		d.GPUs = 0
	}
	for range rapid.IntRange(0, 2).Draw(t, "ports") {
		d.Ports = append(d.Ports, Port{rapid.SampledFrom([]string{"tcp", "udp"}).Draw(t, "protocol"), rapid.IntRange(80, 83).Draw(t, "port")})
	}
	return d
}

func drawRequest(t *rapid.T) Request {
	r := Request{Demand: drawDemand(t), Pool: cluster, Group: rapid.SampledFrom([]string{"g0", "g1", "g2"}).Draw(t, "group"), Seed: rapid.Uint64().Draw(t, "seed")}
	if rapid.Bool().Draw(t, "light") {
		r.Demand = Demand{Memory: 1}
	}
	if rapid.Bool().Draw(t, "distinct") {
		r.Constraints = append(r.Constraints, Constraint{Type: DistinctInstance})
	}
	for _, text := range rapid.SliceOfNDistinct(rapid.SampledFrom(expressions), 0, 2, rapid.ID).Draw(t, "expressions") {
		r.Constraints = append(r.Constraints, memberOf(text))
	}
	r.Strategies = rapid.SliceOfN(rapid.SampledFrom(strategies), 0, 3).Draw(t, "strategies")
	if rapid.IntRange(0, 3).Draw(t, "in a zone") == 0 {
		r.Zones = []string{"a"}
	}
	return r
}

func drawInstance(t *rapid.T, name string) Instance {
	zone := rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "zone")
	i := on(name, rapid.Int64Range(0, 8192).Draw(t, "CPU"), rapid.Int64Range(0, 16384).Draw(t, "MEMORY"))
	if zone != "" {
		i.Attributes, i.Zone = []Attribute{{"zone", zone}}, zone
	}
	i.Total.ENIs = rapid.Int64Range(0, 2).Draw(t, "ENIs")
	i.Ports = []Port{{"tcp", 80}}
	i.Active, i.Connected = rapid.IntRange(0, 4).Draw(t, "draining") > 0, rapid.IntRange(0, 4).Draw(t, "away") > 0
	i.AgentVersion, i.RegisteredAt = rapid.SampledFrom([]string{"1.1", "1.2.0", ""}).Draw(t, "version"), 1
	for n := range rapid.IntRange(0, 3).Draw(t, "GPUs") {
		i.GPUs = append(i.GPUs, fmt.Sprint("gpu", n))
	}
	return i
}
