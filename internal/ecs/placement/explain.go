package placement

import (
	"cmp"
	"fmt"
	"slices"
)

// Verdict is what placement has to say of one instance: an obstacle, or [None] when the task fits.
type Verdict struct {
	Instance string   `json:"instance"`
	Obstacle Obstacle `json:"obstacle,omitzero"`
	Detail   string   `json:"detail,omitzero"` // what is missing: names of attributes, a port, an expression
	// Passed counts what the instance has of what the request needs, and Lack how far it is from having the next.
	Passed int   `json:"passed,omitzero"`
	Lack   int64 `json:"lack,omitzero"`
}

// Check tells whether an instance can run a task now, and if not, why.
func (l *Ledger) Check(r Request, instance string) Verdict {
	c := l.members[instance]
	if c == nil {
		c = &member{Instance: Instance{ID: instance}}
	}
	return l.ask(&r).judge(c)
}

// Eligible are the ids of the instances of a request's pool, in order, that have all that doesn't change as tasks come and go: those
// that are active and have the attributes, meet the constraints of membership and are in the zones.
func (l *Ledger) Eligible(r Request) (ids []string) {
	a := l.ask(&r)
	for _, c := range l.candidates(&r) {
		switch o, _ := a.check(c); o {
		case Foreign, Inactive, Missing, NotMember, Elsewhere:
		default:
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// Zones are the availability zones in which instances of a pool said that they are, in order.
func (l *Ledger) Zones(name string) (zones []string) {
	p := l.pools[name]
	if p == nil {
		return nil
	}
	for _, c := range p.members {
		if c.Zone != "" && c.Active && !slices.Contains(zones, c.Zone) {
			zones = append(zones, c.Zone)
		}
	}
	slices.Sort(zones)
	return zones
}

// Verdicts judges the candidates of a request: the most that are asked for, the closest match first. An instance that the request names is
// judged also when it is not there.
func (l *Ledger) Verdicts(r Request, most int) []Verdict {
	a, candidates := l.ask(&r), l.candidates(&r)
	if r.Instance != "" && len(candidates) == 0 && most > 0 {
		return []Verdict{{Instance: r.Instance, Obstacle: Inactive}}
	}
	top := make([]match, 0, min(most, len(candidates))+1)
	for at, c := range candidates {
		o, m := a.match(c)
		if o == Foreign {
			continue
		}
		m.at = int32(at)
		if len(top) >= most && (most == 0 || m.compare(top[most-1]) >= 0) {
			continue
		}
		place, _ := slices.BinarySearchFunc(top, m, match.compare)
		top = slices.Insert(top, place, m)
		top = top[:min(most, len(top))]
	}
	out := make([]Verdict, len(top))
	for i, m := range top {
		out[i] = a.judge(candidates[m.at])
	}
	return out
}

// match is how close an instance is to what a request needs.
type match struct {
	passed int32 // filters
	at     int32 // its position among the candidates, which are in the order of their ids
	lack   int64
}

// compare orders matches, the closest first.
func (m match) compare(o match) int {
	return cmp.Or(cmp.Compare(o.passed, m.passed), cmp.Compare(m.lack, o.lack), cmp.Compare(m.at, o.at))
}

func (a *ask) match(c *member) (Obstacle, match) {
	o, passed := a.check(c)
	m := match{passed: int32(passed)}
	switch o {
	case Memory:
		m.lack = a.Memory - (c.machine.total.Memory - c.machine.used.Memory)
	case CPU:
		m.lack = a.CPU - (c.machine.total.CPU - c.machine.used.CPU)
	case GPU:
		m.lack = max(a.GPUs, 1) - int64(len(c.freeGPUs()))
	}
	return o, m
}

func (a *ask) judge(c *member) Verdict {
	o, m := a.match(c)
	return Verdict{Instance: c.ID, Obstacle: o, Detail: a.detail(c, o), Passed: int(m.passed), Lack: m.lack}
}

// Sentence says what is wrong with the instance, as ECS words it in service events.
func (v Verdict) Sentence() string {
	switch v.Obstacle {
	case None:
		return "meets all requirements"
	case Inactive:
		return "is not active"
	case Missing:
		return "is missing an attribute required by your task"
	case Memory:
		return "has insufficient memory available"
	case CPU:
		return "has insufficient CPU units available"
	case Ports, PortsUDP:
		return "is already using a port required by your task"
	}
	return fmt.Sprintf("encountered error %q", string(v.Obstacle))
}

// Explain turns the verdicts on a request that found no room into the sentence that an operator reads.
func Explain(verdicts []Verdict) string {
	if len(verdicts) == 0 {
		return "No Container Instances were found in your cluster."
	}
	closest, detail := verdicts[0], ""
	if closest.Detail != "" {
		detail = ": " + closest.Detail
	}
	return fmt.Sprintf("No container instance met all of its requirements. The closest matching (container-instance %s) %s%s.",
		closest.Instance, closest.Sentence(), detail)
}
