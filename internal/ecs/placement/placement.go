// Package placement decides on which container instance a task runs. It is pure: no store, no clock, no network; the
// same request, instances and seed always give the same answer. The placer of package ecs calls it, holding the
// [Ledger] of what every machine has left.
//
// An instance is an identity of a machine. A machine may offer several of them (a container instance and a Fargate
// identity), and they draw on one account: what runs under one is not free for the other.
package placement

import "strconv"

// Request is what a task asks for.
type Request struct {
	Demand
	// Attributes that an instance must carry. An empty Value asks for the name alone.
	Attributes []Attribute
	// Strategy says which of the instances that fit is taken.
	Strategy Strategy
	// Seed decides between instances that are equally good.
	Seed uint64
}

// Demand is what a task takes from its machine while it runs there.
type Demand struct {
	CPU    int64  `json:"cpu,omitzero"`    // units, 1024 a core
	Memory int64  `json:"memory,omitzero"` // MiB
	Ports  []Port `json:"ports,omitzero"`  // of the host
}

// Port is a port of the host's own network.
type Port struct {
	Protocol string `json:"protocol"` // "tcp" or "udp"
	Number   int    `json:"number"`
}

// String is the port as people write it: "8080/tcp".
func (p Port) String() string { return strconv.Itoa(p.Number) + "/" + p.Protocol }

// Attribute is a name and a value that an instance carries or a task asks for.
type Attribute struct{ Name, Value string }

// Strategy orders the instances that fit.
type Strategy int

const (
	// Random takes any: what ECS does with a task that brings no strategy.
	Random Strategy = iota
	// Emptiest takes the machine that keeps the largest share of its memory free.
	Emptiest
)

// Instance is a candidate: one identity of one machine.
type Instance struct {
	ID         string
	Machine    string
	Active     bool // not draining, not deregistered
	Connected  bool // its agent has a session
	Attributes map[string]string
}

// Place returns the instance on which the task runs. When none fits, ok is false and refusals has every candidate's
// verdict, the closest match first.
func Place(r Request, ledger *Ledger, candidates []Instance) (chosen Instance, refusals []Verdict, ok bool) {
	best := -1
	var top rank
	for i := range candidates {
		c := &candidates[i]
		m := ledger.machine(c.Machine)
		if obstacle, _ := check(&r, c, m); obstacle != None {
			continue
		}
		if k := r.rank(c, m); best < 0 || k.above(top) {
			best, top = i, k
		}
	}
	if best >= 0 {
		return candidates[best], nil, true
	}
	return Instance{}, refuse(r, ledger, candidates), false
}

// rank is how good an instance is for a request: by score, and among equals by draw.
type rank struct {
	score float64
	draw  uint64
}

func (k rank) above(o rank) bool {
	if k.score != o.score {
		return k.score > o.score
	}
	return k.draw > o.draw
}

func (r *Request) rank(c *Instance, m *machine) rank {
	k := rank{draw: draw(r.Seed, c.ID)}
	if r.Strategy == Emptiest && m.total.Memory > 0 {
		k.score = float64(m.total.Memory-m.used.Memory) / float64(m.total.Memory)
	}
	return k
}

// draw is a random number that depends on the seed and the instance alone, not on the order of the candidates
// (FNV-1a over both, then a finalizer that spreads its bits).
func draw(seed uint64, id string) uint64 {
	h := 14695981039346656037 ^ seed
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
