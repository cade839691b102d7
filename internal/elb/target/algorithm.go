package target

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/cespare/xxhash/v2"
)

// The values of load_balancing.algorithm.type, except the default, round_robin, and of stickiness.type.
const (
	leastOutstanding = "least_outstanding_requests"
	weightedRandom   = "weighted_random"
	sourceIP         = "source_ip"
)

// choose takes the next target by the group's algorithm.
func (r *ring) choose(algorithm string) *Target {
	switch algorithm {
	case leastOutstanding:
		return r.least()
	case weightedRandom: // the weights are equal as long as anomalies are not mitigated
		return r.random()
	}
	return r.inTurn()
}

// inTurn goes around. A target in slow start that is not to have its whole share yet leaves the turn to any other.
func (r *ring) inTurn() *Target {
	t := r.targets[r.next.Add(1)%uint64(len(r.targets))]
	if r.slow == 0 {
		return t
	}
	now := time.Now()
	for range 16 {
		if rand.Float64() < t.share(now, r.slow) {
			break
		}
		t = r.random()
	}
	return t
}

// least takes the target with the fewest requests under way, by turns among equals.
func (r *ring) least() *Target {
	n := len(r.targets)
	first := int(r.next.Add(1) % uint64(n))
	best, fewest := r.targets[first], r.targets[first].open.Load()
	for i := 1; i < n && fewest > 0; i++ {
		t := r.targets[(first+i)%n]
		if open := t.open.Load(); open < fewest {
			best, fewest = t, open
		}
	}
	return best
}

func (r *ring) random() *Target { return r.targets[rand.IntN(len(r.targets))] }

// bySource takes the same target for a client as long as that is there: the one that weighs most for it (rendezvous hashing),
// so that only the clients of a target that goes, and a fair share for one that comes, move.
func (r *ring) bySource(source netip.Addr, avoid *Target) *Target {
	var best *Target
	var most uint64
	var pair [16 + 8]byte
	ip := source.As16()
	copy(pair[:], ip[:])
	for _, t := range r.targets {
		binary.LittleEndian.PutUint64(pair[16:], t.hash)
		if weight := xxhash.Sum64(pair[:]); t != avoid && (best == nil || weight > most) {
			best, most = t, weight
		}
	}
	return best
}
