package ecs

import (
	"slices"
	"strconv"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
)

// remaining is what the machine of an instance has left, in the form in which the instance registered it.
func (s *Service) remaining(i *Instance) []api.Resource {
	s.placer.mu.Lock()
	used := s.placer.ledger.Used(i.Machine)
	s.placer.mu.Unlock()
	out := slices.Clone(present(i.Resources))
	for n := range out {
		switch r := &out[n]; r.Name {
		case "CPU":
			r.IntegerValue -= int32(used.CPU)
		case "MEMORY":
			r.IntegerValue -= int32(used.Memory)
		case "PORTS":
			r.StringSetValue = withPorts(r.StringSetValue, used.Ports, "tcp")
		case "PORTS_UDP":
			r.StringSetValue = withPorts(r.StringSetValue, used.Ports, "udp")
		case "GPU":
			r.StringSetValue = slices.DeleteFunc(slices.Clone(r.StringSetValue), func(id string) bool { return slices.Contains(used.GPUs, id) })
		case "ENI":
			r.IntegerValue -= int32(used.ENIs)
		}
	}
	return out
}

// withPorts adds the ports that tasks take to those that the machine keeps for itself.
func withPorts(own []string, taken []placement.Port, protocol string) []string {
	out := slices.Clone(present(own))
	for _, p := range taken {
		if p.Protocol == protocol {
			out = append(out, strconv.Itoa(p.Number))
		}
	}
	slices.Sort(out[len(own):])
	return out
}
