package placement

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// A model of the ledger: the tasks that should count, looked at one by one.
type model struct {
	ledger *Ledger
	total  map[string]Capacity
	live   map[string]entry
	next   int
}

func (m *model) instances() (out []Instance) {
	for name := range m.total {
		out = append(out, Instance{ID: "i-" + name, Machine: name, Active: true, Connected: true})
	}
	return out
}

func drawDemand(t *rapid.T) Demand {
	d := Demand{CPU: rapid.Int64Range(0, 2048).Draw(t, "cpu"), Memory: rapid.Int64Range(0, 4096).Draw(t, "memory")}
	for range rapid.IntRange(0, 2).Draw(t, "ports") {
		d.Ports = append(d.Ports, Port{rapid.SampledFrom([]string{"tcp", "udp"}).Draw(t, "protocol"), rapid.IntRange(80, 83).Draw(t, "port")})
	}
	return d
}

// Whatever joins, is placed, committed twice, dropped or released: no machine holds more than it has, and no port is given twice.
func TestNeverOverCapacity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{ledger: NewLedger(), total: map[string]Capacity{}, live: map[string]entry{}}
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				name := fmt.Sprint("m", len(m.total))
				m.total[name] = Capacity{rapid.Int64Range(0, 8192).Draw(t, "CPU"), rapid.Int64Range(0, 16384).Draw(t, "MEMORY")}
				m.ledger.Join("i-"+name, name, m.total[name], []Port{{"tcp", 80}})
			},
			"place": func(t *rapid.T) {
				d := drawDemand(t)
				r := Request{Demand: d, Strategy: Strategy(rapid.IntRange(0, 1).Draw(t, "strategy")), Seed: rapid.Uint64().Draw(t, "seed")}
				chosen, refusals, ok := Place(r, m.ledger, m.instances())
				if !ok {
					if len(refusals) != len(m.total) {
						t.Fatalf("%d verdicts of %d candidates", len(refusals), len(m.total))
					}
					return
				}
				if v := Check(r, m.ledger, chosen); v.Obstacle != None {
					t.Fatalf("placed where Check says %v", v)
				}
				task := fmt.Sprint("t", m.next)
				m.next++
				m.ledger.Hold(task, chosen.Machine, d)
				switch rapid.SampledFrom([]string{"commit", "both", "early", "drop"}).Draw(t, "end") {
				case "commit":
					m.ledger.Commit(task, chosen.Machine, d)
				case "both":
					m.ledger.Commit(task, chosen.Machine, d)
					m.ledger.Commit(task, chosen.Machine, d)
				case "early": // the store's report overtakes the answer, which then looks like a failure
					m.ledger.Commit(task, chosen.Machine, d)
					m.ledger.Hold(task, chosen.Machine, d)
					m.ledger.Drop(task)
				case "drop":
					m.ledger.Drop(task)
					return
				}
				m.live[task] = entry{machine: chosen.Machine, demand: d}
			},
			"release": func(t *rapid.T) {
				for task := range m.live {
					m.ledger.Release(task)
					m.ledger.Release(task)
					delete(m.live, task)
					return
				}
			},
			"": func(t *rapid.T) { m.check(t) },
		})
	})
}

func (m *model) check(t *rapid.T) {
	for name, total := range m.total {
		var used Capacity
		ports := map[Port]bool{}
		for task, e := range m.live {
			if e.machine != name {
				continue
			}
			used.CPU += e.demand.CPU
			used.Memory += e.demand.Memory
			for _, p := range e.demand.Ports {
				if ports[p] || p == (Port{"tcp", 80}) {
					t.Fatalf("%s: %s took %v, which was taken", name, task, p)
				}
				ports[p] = true
			}
		}
		if used.CPU > total.CPU || used.Memory > total.Memory {
			t.Fatalf("%s has %+v, its tasks take %+v", name, total, used)
		}
		if u, taken := m.ledger.Used(name); u != used || len(taken) != len(ports) {
			t.Fatalf("%s has %+v and %d ports used, want %+v and %d", name, u, len(taken), used, len(ports))
		}
	}
}

// Two identities of one machine draw on one account.
func TestIdentitiesShareTheirMachine(t *testing.T) {
	l := NewLedger()
	l.Join("instance", "m", Capacity{2048, 4096}, nil)
	l.Join("fargate", "m", Capacity{2048, 4000}, nil)
	l.Commit("a", "m", Demand{Memory: 3000})
	v := Check(Request{Demand: Demand{Memory: 1500}}, l, Instance{ID: "fargate", Machine: "m", Active: true, Connected: true})
	if v.Obstacle != Memory {
		t.Errorf("verdict %+v, want %s", v, Memory)
	}
	l.Leave("instance")
	l.Leave("fargate")
	if _, ok := l.machines["m"]; !ok {
		t.Error("a machine is forgotten while a task runs on it")
	}
	l.Release("a")
	if len(l.machines) != 0 || len(l.tasks) != 0 || len(l.homes) != 0 {
		t.Errorf("the ledger keeps %+v", l)
	}
}
