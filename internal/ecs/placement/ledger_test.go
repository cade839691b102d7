package placement

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever joins, leaves, is placed, committed twice, told to end, dropped or released: a task is placed where it fits and
// nowhere else, placing several is placing one by one, and the counts are those of a recount.
func TestLedgerAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				i := drawInstance(t, fmt.Sprint("m", rapid.IntRange(0, 3).Draw(t, "machine")))
				i.ID += rapid.SampledFrom([]string{"", "-second"}).Draw(t, "identity")
				m.there[i.ID] = i
				m.ledger.Join(i)
			},
			"leave": func(t *rapid.T) {
				id := fmt.Sprint("i-m", rapid.IntRange(0, 3).Draw(t, "machine"))
				delete(m.there, id)
				m.ledger.Leave(id)
			},
			"place": m.place,
			"release": func(t *rapid.T) {
				m.change(t, func(id string) { m.ledger.Release(id); m.ledger.Release(id); delete(m.live, id) })
			},
			"run": func(t *rapid.T) {
				m.change(t, func(id string) { m.update(id, func(t *Task) { t.Running = true }) })
			},
			"end": func(t *rapid.T) {
				m.change(t, func(id string) { m.update(id, func(t *Task) { t.Ending, t.Running = true, false }) })
			},
			"": m.check,
		})
	})
}

func (m *model) change(t *rapid.T, how func(id string)) {
	ids := make([]string, 0, len(m.live))
	for id := range m.live {
		ids = append(ids, id)
	}
	if len(ids) > 0 {
		slices.Sort(ids)
		how(rapid.SampledFrom(ids).Draw(t, "task"))
	}
}

func (m *model) update(id string, how func(*Task)) {
	task := m.live[id]
	how(&task)
	m.live[id] = task
	m.ledger.Commit(task)
}

func (m *model) place(t *rapid.T) {
	r := drawRequest(t)
	var ids []string
	for range rapid.IntRange(1, 6).Draw(t, "count") {
		ids = append(ids, fmt.Sprint("t", m.next))
		m.next++
	}
	placed := m.ledger.Place(r, ids)
	for n, id := range ids {
		var fit []string
		for _, i := range m.there {
			is := m.fits(r, i, m.total(i.Machine))
			if is {
				fit = append(fit, i.ID)
			}
			if n == len(placed) {
				if v := m.ledger.Check(r, i.ID); (v.Obstacle == None) != is {
					t.Fatalf("%+v on %+v: fits %v, verdict %+v", r, i, is, v)
				}
			}
		}
		if n >= len(placed) {
			if len(fit) > 0 {
				t.Fatalf("%+v fits on %v, and is not placed", r, fit)
			}
			break
		}
		p := placed[n]
		if p.Task != id || !slices.Contains(fit, p.Instance.ID) {
			t.Fatalf("%+v is placed on %+v, and fits on %v", r, p.Instance, fit)
		}
		m.live[id] = Task{ID: id, Instance: p.Instance.ID, Machine: p.Instance.Machine, Group: r.Group, Demand: r.Demand, GPUs: p.GPUs}
	}
	// Undone and done one by one, it comes to the same.
	for _, p := range placed {
		m.ledger.Drop(p.Task)
	}
	for n, p := range placed {
		single := r
		single.Seed += uint64(n)
		again := m.ledger.Place(single, []string{p.Task})
		if len(again) != 1 || again[0].Instance.ID != p.Instance.ID || !slices.Equal(again[0].GPUs, p.GPUs) {
			t.Fatalf("%+v: task %d is placed on %v, alone on %v", r, n, p, again)
		}
	}
	for _, p := range placed {
		task := m.live[p.Task]
		switch rapid.SampledFrom([]string{"commit", "both", "early", "drop"}).Draw(t, "end") {
		case "commit":
			m.ledger.Commit(task)
		case "both":
			m.ledger.Commit(task)
			m.ledger.Commit(task)
		case "early": // the store's report overtakes the answer, which then looks like a failure
			m.ledger.Drop(p.Task)
			m.ledger.Commit(task)
			m.ledger.Hold(task)
			m.ledger.Drop(p.Task)
		case "drop":
			m.ledger.Drop(p.Task)
			delete(m.live, p.Task)
		}
	}
}

// check compares with a ledger that has just been told of all there is.
func (m *model) check(t *rapid.T) {
	fresh := NewLedger()
	for _, i := range m.there {
		fresh.Join(i)
	}
	for _, task := range m.live {
		fresh.Commit(task)
	}
	if got, want := m.ledger.facts(), fresh.facts(); !reflect.DeepEqual(got, want) {
		t.Fatalf("the ledger has\n%s\na recount\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for name := range fresh.machines {
		machine := fresh.machines[name]
		if total := m.total(name); len(machine.members) > 0 && machine.total != total {
			t.Fatalf("%s has %+v, want %+v", name, machine.total, total)
		}
	}
}

// facts are all that a ledger counts, as text.
func (l *Ledger) facts() (out []string) {
	for name, m := range l.machines {
		ids := []string{}
		for _, c := range m.members {
			ids = append(ids, c.ID)
		}
		slices.Sort(ids)
		out = append(out, fmt.Sprint("machine ", name, ids, m.total, m.used, m.own, m.tasks, ports(m), gpus(m)))
	}
	for id, c := range l.members {
		groups := []string{}
		for _, t := range c.groups {
			groups = append(groups, fmt.Sprint(t.group.name, t.n))
		}
		slices.Sort(groups)
		out = append(out, fmt.Sprint("member ", id, groups, c.running, c.tasks, c.machine != nil))
	}
	for name, g := range l.groups {
		out = append(out, fmt.Sprint("group ", name, g.tasks))
	}
	for name, p := range l.pools {
		active := 0
		for i, c := range p.members {
			if c.Active {
				active++
			}
			if i > 0 && p.members[i-1].ID >= c.ID || c.Pool != name {
				out = append(out, "disorder at "+c.ID)
			}
		}
		out = append(out, fmt.Sprint("pool ", name, len(p.members), p.active, active))
	}
	users := 0
	for i, a := range l.sets {
		if a != nil {
			users += a.users
			if a.index != i || l.byKey[a.key] != a {
				out = append(out, "a set of attributes is astray")
			}
		}
	}
	out = append(out, fmt.Sprint("sets ", len(l.byKey), users))
	slices.Sort(out)
	return out
}

func ports(m *machine) (out []string) {
	for p, task := range m.ports {
		out = append(out, p.String()+task)
	}
	slices.Sort(out)
	return out
}

func gpus(m *machine) (out []string) {
	for id, task := range m.gpus {
		out = append(out, id+task)
	}
	slices.Sort(out)
	return out
}

// Two identities of one machine draw on one account.
func TestIdentitiesShareTheirMachine(t *testing.T) {
	instance, fargate := on("m", 2048, 4096), on("m", 2048, 4000)
	fargate.ID, fargate.Pool = "fargate", "fargate"
	l := ledgerOf(instance, fargate)
	l.Commit(task("a", "m", "", Demand{Memory: 3000}))
	if v := l.Check(Request{Demand: Demand{Memory: 1500}}, "fargate"); v.Obstacle != Memory || v.Lack != 500 {
		t.Errorf("verdict %+v, want %s", v, Memory)
	}
	l.Leave("i-m")
	l.Leave("fargate")
	if _, ok := l.machines["m"]; !ok {
		t.Error("a machine is forgotten while a task runs on it")
	}
	l.Release("a")
	if n := len(l.machines) + len(l.tasks) + len(l.members) + len(l.pools) + len(l.groups) + len(l.byKey); n != 0 {
		t.Errorf("the ledger keeps %+v", l)
	}
}

func TestAnInstanceMovesToAnotherPool(t *testing.T) {
	i := on("m", 1024, 1024)
	l := ledgerOf(i)
	i.Pool = "other"
	l.Join(i)
	if l.Active(cluster) != 0 || l.Active("other") != 1 {
		t.Errorf("%d active in the first pool, %d in the other", l.Active(cluster), l.Active("other"))
	}
}

// What an instance says of itself is nothing to the others: no list of attributes passes for another one.
func TestAttributesAreTheInstancesOwn(t *testing.T) {
	l := ledgerOf(on("liar", 0, 1024, Attribute{Name: "a\x00\x01b"}), on("honest", 0, 1024, Attribute{Name: "a"}, Attribute{Name: "b"}))
	if v := l.Check(Request{Attributes: []Attribute{{Name: "a"}}}, "i-honest"); v.Obstacle != None {
		t.Errorf("%+v", v)
	}
	l = ledgerOf(on("twice", 0, 1024, Attribute{"z", "b"}, Attribute{"z", "a"}), on("once", 0, 1024, Attribute{"z", "b"}), on("other", 0, 1024, Attribute{"z", "a"}))
	for id, want := range map[string]string{"i-twice": "b", "i-once": "b", "i-other": "a"} {
		if i, _ := l.Joined(id); i.Attribute("z") != want {
			t.Errorf("%s has %v", id, i.Attributes)
		}
	}
}
