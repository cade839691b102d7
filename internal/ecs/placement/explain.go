package placement

import (
	"cmp"
	"fmt"
	"slices"
)

// Verdict is what placement has to say of one instance: an obstacle, or [None] when the task fits.
type Verdict struct {
	Instance string
	Obstacle Obstacle
	Detail   string // what is missing: names of attributes, a port
	// passed counts the filters that the instance passed, and lack how far it is from passing the next.
	passed int
	lack   int64
}

func verdict(r *Request, c *Instance, m *machine) Verdict {
	v := Verdict{Instance: c.ID}
	for _, f := range filters {
		if v.Obstacle, v.Detail = f(r, c, m); v.Obstacle != None {
			break
		}
		v.passed++
	}
	switch v.Obstacle {
	case Memory:
		v.lack = r.Memory - (m.total.Memory - m.used.Memory)
	case CPU:
		v.lack = r.CPU - (m.total.CPU - m.used.CPU)
	}
	return v
}

// refuse judges every candidate, the closest match first.
func refuse(r Request, ledger *Ledger, candidates []Instance) []Verdict {
	out := make([]Verdict, len(candidates))
	for i := range candidates {
		out[i] = verdict(&r, &candidates[i], ledger.machine(candidates[i].Machine))
	}
	slices.SortFunc(out, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(b.passed, a.passed), cmp.Compare(a.lack, b.lack), cmp.Compare(a.Instance, b.Instance))
	})
	return out
}

// Sentence says what is wrong with the instance, as ECS words it in service events.
func (v Verdict) Sentence() string {
	switch v.Obstacle {
	case None:
		return "meets all requirements"
	case Inactive:
		return "is not active"
	case Agent:
		return `encountered error "AGENT"`
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

// Explain turns the refusals of [Place] into the sentence that an operator reads.
func Explain(refusals []Verdict) string {
	if len(refusals) == 0 {
		return "No Container Instances were found in your cluster."
	}
	closest, detail := refusals[0], ""
	if closest.Detail != "" {
		detail = ": " + closest.Detail
	}
	return fmt.Sprintf("No container instance met all of its requirements. The closest matching (container-instance %s) %s%s.",
		closest.Instance, closest.Sentence(), detail)
}
