package placement

import (
	"slices"
	"strings"
)

// Obstacle is why an instance cannot run a task, as ECS names it in failures[].reason.
type Obstacle string

const (
	None     Obstacle = ""
	Inactive Obstacle = "INACTIVE"
	Agent    Obstacle = "AGENT"
	Missing  Obstacle = "ATTRIBUTE"
	Memory   Obstacle = "RESOURCE:MEMORY"
	CPU      Obstacle = "RESOURCE:CPU"
	Ports    Obstacle = "RESOURCE:PORTS"
	PortsUDP Obstacle = "RESOURCE:PORTS_UDP"
)

// filter looks at one thing that a request needs. detail names what is missing where the obstacle alone does not say.
type filter func(r *Request, c *Instance, m *machine) (o Obstacle, detail string)

// filters are asked in this order. An instance is the closer a match the more of them it passes, so those that no
// waiting can mend come first.
var filters = []filter{hasMachine, active, attributes, connected, memory, cpu, ports}

// check is the one feasibility function: it decides in [Place] and judges in [Check].
func check(r *Request, c *Instance, m *machine) (Obstacle, string) {
	for _, f := range filters {
		if o, detail := f(r, c, m); o != None {
			return o, detail
		}
	}
	return None, ""
}

// Check tells whether an instance can run a task now, and if not, why.
func Check(r Request, ledger *Ledger, c Instance) Verdict {
	return verdict(&r, &c, ledger.machine(c.Machine))
}

func hasMachine(_ *Request, _ *Instance, m *machine) (Obstacle, string) {
	if m == nil {
		return Inactive, ""
	}
	return None, ""
}

func active(_ *Request, c *Instance, _ *machine) (Obstacle, string) {
	if !c.Active {
		return Inactive, ""
	}
	return None, ""
}

func connected(_ *Request, c *Instance, _ *machine) (Obstacle, string) {
	if !c.Connected {
		return Agent, ""
	}
	return None, ""
}

func attributes(r *Request, c *Instance, _ *machine) (Obstacle, string) {
	for i, want := range r.Attributes {
		if c.carries(want) {
			continue
		}
		missing := []string{want.Name}
		for _, other := range r.Attributes[i+1:] {
			if !c.carries(other) {
				missing = append(missing, other.Name)
			}
		}
		return Missing, strings.Join(missing, ", ")
	}
	return None, ""
}

func (c *Instance) carries(want Attribute) bool {
	have, ok := c.Attributes[want.Name]
	return ok && (want.Value == "" || want.Value == have)
}

func memory(r *Request, _ *Instance, m *machine) (Obstacle, string) {
	if r.Memory > m.total.Memory-m.used.Memory {
		return Memory, ""
	}
	return None, ""
}

func cpu(r *Request, _ *Instance, m *machine) (Obstacle, string) {
	if r.CPU > m.total.CPU-m.used.CPU {
		return CPU, ""
	}
	return None, ""
}

func ports(r *Request, _ *Instance, m *machine) (Obstacle, string) {
	for i, p := range r.Ports {
		// A task that asks for one port twice fits nowhere.
		if _, taken := m.ports[p]; !taken && !m.own[p] && !slices.Contains(r.Ports[:i], p) {
			continue
		}
		if p.Protocol == "udp" {
			return PortsUDP, p.String()
		}
		return Ports, p.String()
	}
	return None, ""
}
