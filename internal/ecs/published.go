package ecs

import (
	"fmt"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
)

// published are the ports of its machine that the task's agent has reported: those that the definition leaves to it are
// nobody else's either.
func (t *Task) published() (ports []placement.Port) {
	for i := range t.Containers {
		for _, b := range t.Containers[i].NetworkBindings {
			first, last := valueOf(b.HostPort), valueOf(b.HostPort)
			if b.HostPortRange != "" {
				if _, err := fmt.Sscanf(b.HostPortRange, "%d-%d", &first, &last); err != nil {
					continue
				}
			}
			if first < 1 || last > maxReportedPort {
				continue // an agent that reports nonsense takes nothing
			}
			for port := first; port <= last; port++ {
				ports = append(ports, placement.Port{Protocol: protocolOf(b), Number: int(port)})
			}
		}
	}
	return ports
}

const maxReportedPort = 65535

func protocolOf(b api.NetworkBinding) string {
	if b.Protocol == "" {
		return string(api.TransportProtocolTcp)
	}
	return string(b.Protocol)
}
