package placement

// Ledger is the account of every machine: what it has, and which tasks take how much of it. It is not safe for
// concurrent use; the placer guards it.
//
// A task enters in two ways. [Ledger.Hold] reserves for a placement in flight, before it is committed;
// [Ledger.Commit] records what the store says, whoever placed it. Both may come in either order, for the report of a
// commit can overtake its own answer: the task counts once, until [Ledger.Release], or until [Ledger.Drop] ends a hold
// that never was committed.
type Ledger struct {
	machines map[string]*machine
	homes    map[string]string // identity -> machine
	tasks    map[string]entry
}

// Capacity is an amount of what machines have.
type Capacity struct {
	CPU    int64 `json:"cpu,omitzero"`    // units, 1024 a core
	Memory int64 `json:"memory,omitzero"` // MiB
}

type machine struct {
	identities map[string]offer
	total      Capacity
	used       Capacity
	own        map[Port]bool   // ports that the machine keeps for itself
	ports      map[Port]string // taken by which task
	tasks      int
}

// offer is what one identity said that its machine has.
type offer struct {
	total Capacity
	ports []Port
}

type entry struct {
	machine   string
	demand    Demand
	committed bool
}

// NewLedger returns a ledger that knows no machine.
func NewLedger() *Ledger {
	return &Ledger{machines: map[string]*machine{}, homes: map[string]string{}, tasks: map[string]entry{}}
}

// Join tells that an identity of a machine is there, what the machine has, and which ports are its own. Where identities
// of one machine differ, the smaller figure counts.
func (l *Ledger) Join(identity, name string, total Capacity, reserved []Port) {
	if home, ok := l.homes[identity]; ok && home != name {
		l.Leave(identity)
	}
	l.homes[identity] = name
	m := l.open(name)
	m.identities[identity] = offer{total, reserved}
	m.recount()
}

// Leave tells that an identity is gone. What its tasks take stays counted until they are released.
func (l *Ledger) Leave(identity string) {
	name, ok := l.homes[identity]
	if !ok {
		return
	}
	delete(l.homes, identity)
	m := l.machines[name]
	delete(m.identities, identity)
	m.recount()
	l.forget(name)
}

// Hold reserves what a task needs while its placement is being committed.
func (l *Ledger) Hold(task, name string, d Demand) { l.enter(task, entry{machine: name, demand: d}) }

// Commit records a task that is in the store.
func (l *Ledger) Commit(task, name string, d Demand) {
	l.enter(task, entry{machine: name, demand: d, committed: true})
}

func (l *Ledger) enter(task string, e entry) {
	if old, ok := l.tasks[task]; ok {
		if old.committed {
			return // a task keeps its machine and its demand
		}
		l.Release(task)
	}
	m := l.open(e.machine)
	m.used.CPU += e.demand.CPU
	m.used.Memory += e.demand.Memory
	m.tasks++
	for _, p := range e.demand.Ports {
		if _, taken := m.ports[p]; !taken {
			m.ports[p] = task
		}
	}
	l.tasks[task] = e
}

// Drop ends a hold whose commit failed. A task that the store has stays.
func (l *Ledger) Drop(task string) {
	if !l.tasks[task].committed {
		l.Release(task)
	}
}

// Release gives back all that a task takes. An unknown task is none.
func (l *Ledger) Release(task string) {
	e, ok := l.tasks[task]
	if !ok {
		return
	}
	delete(l.tasks, task)
	m := l.machines[e.machine]
	m.used.CPU -= e.demand.CPU
	m.used.Memory -= e.demand.Memory
	m.tasks--
	for _, p := range e.demand.Ports {
		if m.ports[p] == task {
			delete(m.ports, p)
		}
	}
	l.forget(e.machine)
}

// Used returns what the tasks on a machine take of it, holds included, and which ports.
func (l *Ledger) Used(name string) (used Capacity, ports []Port) {
	m := l.machine(name)
	if m == nil {
		return Capacity{}, nil
	}
	for p := range m.ports {
		ports = append(ports, p)
	}
	return m.used, ports
}

func (l *Ledger) machine(name string) *machine { return l.machines[name] }

func (l *Ledger) open(name string) *machine {
	m := l.machines[name]
	if m == nil {
		m = &machine{identities: map[string]offer{}, own: map[Port]bool{}, ports: map[Port]string{}}
		l.machines[name] = m
	}
	return m
}

// forget drops a machine that nobody offers and nothing runs on.
func (l *Ledger) forget(name string) {
	if m := l.machines[name]; len(m.identities) == 0 && m.tasks == 0 {
		delete(l.machines, name)
	}
}

func (m *machine) recount() {
	m.total, m.own = Capacity{}, map[Port]bool{}
	first := true
	for _, o := range m.identities {
		if first {
			m.total, first = o.total, false
		}
		m.total = Capacity{min(m.total.CPU, o.total.CPU), min(m.total.Memory, o.total.Memory)}
		for _, p := range o.ports {
			m.own[p] = true
		}
	}
}
