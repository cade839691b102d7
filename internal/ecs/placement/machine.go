package placement

import "slices"

// machine is the account of one machine.
type machine struct {
	name    string
	members []*member // its identities that are there
	total   Capacity
	used    Capacity
	own     []Port            // ports that it keeps for itself
	ports   map[Port]string   // taken by which task
	gpus    map[string]string // taken by which task
	tasks   int
}

func (l *Ledger) machine(name string) *machine {
	m := l.machines[name]
	if m == nil {
		m = &machine{name: name}
		l.machines[name] = m
	}
	return m
}

// forget drops a machine that nobody offers and nothing runs on.
func (l *Ledger) forget(m *machine) {
	if len(m.members) == 0 && m.tasks == 0 {
		delete(l.machines, m.name)
	}
}

// recount works out what the machine has. Where its identities differ, the smaller figure counts, and every port that one
// of them keeps.
func (m *machine) recount() {
	m.total, m.own = Capacity{}, nil
	for i, c := range m.members {
		t := c.Total
		if i > 0 {
			t.CPU, t.Memory = min(t.CPU, m.total.CPU), min(t.Memory, m.total.Memory)
			if t.ENIs == 0 || m.total.ENIs > 0 && m.total.ENIs < t.ENIs {
				t.ENIs = m.total.ENIs
			}
		}
		m.total = t
		if i == 0 {
			m.own = c.Ports
			continue
		}
		for _, p := range c.Ports {
			if !slices.Contains(m.own, p) {
				m.own = append(slices.Clip(m.own), p)
			}
		}
	}
}

// take books what a task takes. A port or GPU that another task has stays with it.
func (m *machine) take(task string, e *entry) {
	m.used.CPU += e.cpu
	m.used.Memory += e.memory
	m.tasks++
	if e.more == nil {
		return
	}
	m.used.ENIs += e.more.enis
	m.ports = takeEach(m.ports, e.more.ports, task)
	m.gpus = takeEach(m.gpus, e.more.gpus, task)
}

func (m *machine) giveBack(task string, e *entry) {
	m.used.CPU -= e.cpu
	m.used.Memory -= e.memory
	m.tasks--
	if e.more == nil {
		return
	}
	m.used.ENIs -= e.more.enis
	giveBackEach(m.ports, e.more.ports, task)
	giveBackEach(m.gpus, e.more.gpus, task)
}

func takeEach[K comparable](taken map[K]string, things []K, task string) map[K]string {
	for _, k := range things {
		if _, is := taken[k]; !is {
			if taken == nil {
				taken = map[K]string{}
			}
			taken[k] = task
		}
	}
	return taken
}

func giveBackEach[K comparable](taken map[K]string, things []K, task string) {
	for _, k := range things {
		if taken[k] == task {
			delete(taken, k)
		}
	}
}

// freeGPUs are those of an identity that no task has.
func (c *member) freeGPUs() []string {
	return slices.DeleteFunc(slices.Clone(c.GPUs), func(id string) bool { _, taken := c.machine.gpus[id]; return taken })
}
