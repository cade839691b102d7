package placement

import (
	"slices"
	"strings"
)

// Obstacle is why an instance cannot run a task, as ECS names it in failures[].reason.
type Obstacle string

const (
	None        Obstacle = ""
	Inactive    Obstacle = "INACTIVE"
	Missing     Obstacle = "ATTRIBUTE"
	NotMember   Obstacle = "MemberOf placement constraint unsatisfied."
	Elsewhere   Obstacle = "LOCATION"
	Agent       Obstacle = "AGENT"
	Memory      Obstacle = "RESOURCE:MEMORY"
	CPU         Obstacle = "RESOURCE:CPU"
	GPU         Obstacle = "RESOURCE:GPU"
	ENI         Obstacle = "RESOURCE:ENI"
	Ports       Obstacle = "RESOURCE:PORTS"
	PortsUDP    Obstacle = "RESOURCE:PORTS_UDP"
	NotDistinct Obstacle = "DistinctInstance placement constraint unsatisfied."
	// Foreign: it is of another part of the pool than the request's. No failure names it.
	Foreign Obstacle = "FOREIGN"
)

// filter looks at one thing that a request needs.
type filter func(a *ask, c *member) Obstacle

// filters are asked in this order. An instance is the closer a match the more of them it passes, so those that no
// waiting can mend come first.
var filters = [...]filter{(*ask).part, (*ask).active, (*ask).attributes, (*ask).members, (*ask).location, (*ask).connected,
	(*ask).memory, (*ask).cpu, (*ask).gpus, (*ask).enis, (*ask).ports, (*ask).distinct}

// ask is a request on its way through the filters.
type ask struct {
	*Request
	group *group // nil while it has no tasks
	apart bool   // a constraint is DistinctInstance
	// lenient lets instances pass whose agent is away.
	lenient bool
	// known is what was found of each set of attributes: unasked, or one of the answers.
	known []answer
}

type answer uint8

const (
	unasked answer = iota
	fine
	foreign // of another part of the pool
	lacking
	outside
)

func (l *Ledger) ask(r *Request) *ask {
	apart := slices.ContainsFunc(r.Constraints, func(k Constraint) bool { return k.Type == DistinctInstance })
	return &ask{Request: r, group: l.groups[r.Group], apart: apart, known: l.scratch.known(len(l.sets))}
}

// check is the one feasibility function: it decides where tasks go, and judges why they don't.
func (a *ask) check(c *member) (o Obstacle, passed int) {
	for i, f := range filters {
		if o = f(a, c); o != None {
			return o, i
		}
	}
	return None, len(filters)
}

func (a *ask) fits(c *member) bool {
	o, _ := a.check(c)
	return o == None
}

func (a *ask) part(c *member) Obstacle {
	if a.Part != (Attribute{}) && (c.machine == nil || a.of(c) == foreign) {
		return Foreign
	}
	return None
}

func (a *ask) active(c *member) Obstacle {
	if c.machine == nil || !c.Active {
		return Inactive
	}
	return None
}

// of is what the attributes of an instance alone say.
func (a *ask) of(c *member) answer {
	known := &a.known[c.set.index]
	if *known == unasked {
		*known = a.answer(c)
	}
	return *known
}

func (a *ask) answer(c *member) answer {
	if a.Part != (Attribute{}) && !c.set.carries(a.Part) {
		return foreign
	}
	for _, want := range a.Attributes {
		if !c.set.carries(want) {
			return lacking
		}
	}
	for _, k := range a.Constraints {
		if k.Type == MemberOf && k.Expression.AttributesOnly() && !k.Expression.Matches(c) {
			return outside
		}
	}
	return fine
}

func (a *ask) attributes(c *member) Obstacle {
	if a.of(c) == lacking {
		return Missing
	}
	return None
}

func (a *ask) members(c *member) Obstacle {
	if a.of(c) == outside {
		return NotMember
	}
	for _, k := range a.Constraints {
		if k.Type == MemberOf && !k.Expression.AttributesOnly() && !k.Expression.Matches(c) {
			return NotMember
		}
	}
	return None
}

func (a *ask) location(c *member) Obstacle {
	if len(a.Zones) > 0 && c.Zone != "" && !slices.Contains(a.Zones, c.Zone) {
		return Elsewhere
	}
	return None
}

func (a *ask) connected(c *member) Obstacle {
	if !c.Connected && !a.lenient {
		return Agent
	}
	return None
}

func (a *ask) memory(c *member) Obstacle {
	if a.Memory > c.machine.total.Memory-c.machine.used.Memory {
		return Memory
	}
	return None
}

func (a *ask) cpu(c *member) Obstacle {
	if a.CPU > c.machine.total.CPU-c.machine.used.CPU {
		return CPU
	}
	return None
}

func (a *ask) gpus(c *member) Obstacle {
	switch {
	case a.GPUs == 0:
		return None
	case a.GPUs == AllGPUs:
		if n := len(c.freeGPUs()); n == 0 || n < len(c.GPUs) {
			return GPU
		}
	case a.GPUs > int64(len(c.freeGPUs())):
		return GPU
	}
	return None
}

func (a *ask) enis(c *member) Obstacle {
	if m := c.machine; a.ENIs > 0 && m.total.ENIs > 0 && a.ENIs > m.total.ENIs-m.used.ENIs {
		return ENI
	}
	return None
}

func (a *ask) ports(c *member) Obstacle {
	if p, taken := a.takenPort(c); taken {
		if p.Protocol == "udp" {
			return PortsUDP
		}
		return Ports
	}
	return None
}

// takenPort is the first port that the instance cannot give. A task that asks for one port twice fits nowhere.
func (a *ask) takenPort(c *member) (p Port, taken bool) {
	for i, p := range a.Ports {
		if _, is := c.machine.ports[p]; is || slices.Contains(c.machine.own, p) || slices.Contains(a.Ports[:i], p) {
			return p, true
		}
	}
	return Port{}, false
}

func (a *ask) distinct(c *member) Obstacle {
	if a.apart && c.of(a.group) > 0 {
		return NotDistinct
	}
	return None
}

// detail names what is missing where the obstacle alone doesn't say.
func (a *ask) detail(c *member, o Obstacle) string {
	switch o {
	case Missing:
		var names []string
		for _, want := range a.Attributes {
			if !c.set.carries(want) {
				names = append(names, want.Name)
			}
		}
		return strings.Join(names, ", ")
	case NotMember:
		for _, k := range a.Constraints {
			if k.Type == MemberOf && !k.Expression.Matches(c) {
				return k.Expression.String()
			}
		}
	case Elsewhere:
		return c.Zone
	case Ports, PortsUDP:
		p, _ := a.takenPort(c)
		return p.String()
	}
	return ""
}
