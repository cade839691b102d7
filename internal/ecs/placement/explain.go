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
	a := l.ask(&r)
	v := a.judge(c)
	v.Detail = a.detail(c, v.Obstacle)
	return v
}

// Verdicts judges the candidates of a request: the most that are asked for, the closest match first.
func (l *Ledger) Verdicts(r Request, most int) []Verdict {
	a := l.ask(&r)
	candidates := l.candidates(&r)
	top := make([]Verdict, 0, min(most, len(candidates))+1)
	for _, c := range candidates {
		v := a.judge(c)
		if len(top) >= most && (most == 0 || closer(v, top[most-1]) >= 0) {
			continue
		}
		at, _ := slices.BinarySearchFunc(top, v, func(other, v Verdict) int { return closer(other, v) })
		top = slices.Insert(top, at, v)
		top = top[:min(most, len(top))]
	}
	for i := range top {
		if c := l.members[top[i].Instance]; c != nil {
			top[i].Detail = a.detail(c, top[i].Obstacle)
		}
	}
	return top
}

// closer orders verdicts, the closest match first.
func closer(a, b Verdict) int {
	return cmp.Or(cmp.Compare(b.Passed, a.Passed), cmp.Compare(a.Lack, b.Lack), cmp.Compare(a.Instance, b.Instance))
}

func (a *ask) judge(c *member) Verdict {
	v := Verdict{Instance: c.ID}
	v.Obstacle, v.Passed = a.check(c)
	switch m := c.machine; v.Obstacle {
	case Memory:
		v.Lack = a.Memory - (m.total.Memory - m.used.Memory)
	case CPU:
		v.Lack = a.CPU - (m.total.CPU - m.used.CPU)
	case GPU:
		v.Lack = max(a.GPUs, 1) - int64(len(c.freeGPUs()))
	}
	return v
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
