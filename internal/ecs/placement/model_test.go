package placement

import "slices"

// model is what should be counted: the tasks and instances, looked at one by one.
type model struct {
	ledger *Ledger
	there  map[string]Instance
	live   map[string]Task
	next   int
}

func newModel() *model {
	return &model{ledger: NewLedger(), there: map[string]Instance{}, live: map[string]Task{}}
}

// on are the tasks that count and are so.
func (m *model) on(is func(Task) bool) (out []Task) {
	for _, t := range m.live {
		if is(t) {
			out = append(out, t)
		}
	}
	return out
}

// fits judges without the ledger's counts.
func (m *model) fits(r Request, i Instance, total Capacity) bool {
	if !i.Active || !i.Connected || len(r.Zones) > 0 && i.Zone != "" && !slices.Contains(r.Zones, i.Zone) {
		return false
	}
	used := Demand{}
	var gpus []string
	for _, t := range m.on(func(t Task) bool { return t.Machine == i.Machine }) {
		used.CPU, used.Memory, used.ENIs = used.CPU+t.Demand.CPU, used.Memory+t.Demand.Memory, used.ENIs+t.Demand.ENIs
		used.Ports, gpus = append(used.Ports, t.Demand.Ports...), append(gpus, t.GPUs...)
	}
	free := len(slices.DeleteFunc(slices.Clone(i.GPUs), func(id string) bool { return slices.Contains(gpus, id) }))
	switch {
	case used.CPU+r.CPU > total.CPU && r.CPU > total.CPU-used.CPU, r.Memory > total.Memory-used.Memory:
		return false
	case r.ENIs > 0 && total.ENIs > 0 && used.ENIs+r.ENIs > total.ENIs:
		return false
	case r.GPUs == AllGPUs && (free == 0 || free != len(i.GPUs)), r.GPUs > int64(free):
		return false
	}
	for n, p := range r.Ports {
		if p == (Port{"tcp", 80}) || slices.Contains(used.Ports, p) || slices.Contains(r.Ports[:n], p) {
			return false
		}
	}
	here := func(t Task) bool { return t.Instance == i.ID }
	group := func(name string) bool {
		return len(m.on(func(t Task) bool { return here(t) && !t.Ending && t.Group == name })) > 0
	}
	zone, running := "", len(m.on(func(t Task) bool { return here(t) && t.Running }))
	if len(i.Attributes) > 0 {
		zone = i.Attributes[0].Value
	}
	for _, k := range r.Constraints {
		ok := true
		switch {
		case k.Type == DistinctInstance:
			ok = !group(r.Group)
		case k.Expression.String() == expressions[0]:
			ok = zone == "a"
		case k.Expression.String() == expressions[1]:
			ok = !group("g1")
		case k.Expression.String() == expressions[2]:
			ok = group("g0") || running == 0
		case k.Expression.String() == expressions[3]:
			ok = running < 3
		case k.Expression.String() == expressions[4]:
			ok = zone != "" && i.AgentVersion == "1.2.0"
		}
		if !ok {
			return false
		}
	}
	return true
}

// total is what a machine has: the least that one of its identities says.
func (m *model) total(machine string) (out Capacity) {
	first := true
	for _, i := range m.there {
		if i.Machine != machine {
			continue
		}
		t := i.Total
		if !first {
			t.CPU, t.Memory = min(t.CPU, out.CPU), min(t.Memory, out.Memory)
			if out.ENIs > 0 && (t.ENIs == 0 || out.ENIs < t.ENIs) {
				t.ENIs = out.ENIs
			}
		}
		out, first = t, false
	}
	return out
}
