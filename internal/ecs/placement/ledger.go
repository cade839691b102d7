package placement

import "slices"

// Ledger is the account of every machine: what it has, and which tasks take how much of it. It is not safe for
// concurrent use; the placer guards it.
//
// A task enters in two ways. [Ledger.Place] and [Ledger.Hold] reserve for a placement in flight, before it is committed;
// [Ledger.Commit] records what the store says, whoever placed it. Both may come in either order, for the report of a
// commit can overtake its own answer: the task counts once, until [Ledger.Release], or until [Ledger.Drop] ends a hold
// that never was committed.
//
// All that a placement asks is counted as tasks come and go: none looks at tasks.
type Ledger struct {
	machines map[string]*machine
	members  map[string]*member
	pools    map[string]*pool
	groups   map[string]*group
	tasks    map[string]entry

	byKey map[string]*attributes
	sets  []*attributes // by attributes.index, nil where none is

	scratch scratch
}

// entry is a task. There are very many: it has what a task takes in common cases, and points to the rest.
type entry struct {
	member      *member
	machine     *machine
	group       *group
	cpu, memory int64
	more        *more
	state       state
}

// more is what few tasks take.
type more struct {
	ports []Port
	gpus  []string
	enis  int64
}

type state uint8

const (
	committed state = 1 << iota
	wanted          // not to stop: it counts in its group
	running
)

// NewLedger returns a ledger that knows no machine.
func NewLedger() *Ledger {
	return &Ledger{machines: map[string]*machine{}, members: map[string]*member{}, pools: map[string]*pool{},
		groups: map[string]*group{}, tasks: map[string]entry{}, byKey: map[string]*attributes{}}
}

// Hold reserves what a task needs while its placement is being committed.
func (l *Ledger) Hold(t Task) { l.enter(t, 0) }

// Commit records a task that is in the store, and each change of whether it is to stop and runs. It keeps the machine and
// the demand with which it was committed first; ports are published later.
func (l *Ledger) Commit(t Task) { l.enter(t, committed) }

func (l *Ledger) enter(t Task, s state) {
	if !t.Ending {
		s |= wanted
	}
	if t.Running {
		s |= running
	}
	if old, ok := l.tasks[t.ID]; ok {
		if old.state&committed != 0 {
			if s&committed != 0 && len(t.Published) > 0 {
				old.publish(t)
				l.tasks[t.ID] = old
			}
			if s&committed != 0 && s != old.state {
				old.tell(-1)
				old.state = s
				old.tell(1)
				l.tasks[t.ID] = old
			}
			return
		}
		l.Release(t.ID)
	}
	e := entry{member: l.member(t.Instance), machine: l.machine(t.Machine), group: l.group(t.Group),
		cpu: t.Demand.CPU, memory: t.Demand.Memory, state: s}
	if len(t.Demand.Ports) > 0 || len(t.GPUs) > 0 || t.Demand.ENIs > 0 {
		e.more = &more{t.Demand.Ports, t.GPUs, t.Demand.ENIs}
	}
	e.machine.take(t.ID, &e)
	e.publish(t)
	e.member.tasks++
	e.group.tasks++
	e.tell(1)
	l.tasks[t.ID] = e
}

// publish books the ports that the task has got beside its demand, once.
func (e *entry) publish(t Task) {
	var fresh []Port
	for _, p := range t.Published {
		if e.more == nil || !slices.Contains(e.more.ports, p) {
			fresh = append(fresh, p)
		}
	}
	if len(fresh) == 0 {
		return
	}
	var more more
	if e.more != nil {
		more = *e.more
	}
	more.ports = append(slices.Clip(more.ports), fresh...)
	e.more = &more
	e.machine.ports = takeEach(e.machine.ports, fresh, t.ID)
}

// tell counts the task where it is, or takes it off the counts again.
func (e *entry) tell(n int32) {
	if e.state&wanted != 0 {
		e.member.count(e.group, n)
	}
	if e.state&running != 0 {
		e.member.running += int(n)
	}
}

// Held tells whether a task is reserved that the store was not seen to have.
func (l *Ledger) Held(task string) bool {
	e, ok := l.tasks[task]
	return ok && e.state&committed == 0
}

// Drop ends a hold whose commit failed. A task that the store has stays.
func (l *Ledger) Drop(task string) {
	if l.Held(task) {
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
	e.machine.giveBack(task, &e)
	e.tell(-1)
	if e.group.tasks--; e.group.tasks == 0 {
		delete(l.groups, e.group.name)
	}
	e.member.tasks--
	l.leave(e.member)
	l.forget(e.machine)
}

// Usage is what tasks take of a machine, holds included.
type Usage struct {
	Capacity
	Ports []Port
	GPUs  []string
}

// Used returns what the tasks on a machine take of it.
func (l *Ledger) Used(name string) (u Usage) {
	m := l.machines[name]
	if m == nil {
		return u
	}
	u.Capacity = m.used
	for p := range m.ports {
		u.Ports = append(u.Ports, p)
	}
	for id := range m.gpus {
		u.GPUs = append(u.GPUs, id)
	}
	return u
}
