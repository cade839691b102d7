package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

// byZone is how many of the tasks each zone has in which the service may be.
func (p *pass) byZone(tasks []*task) map[string]int {
	out := map[string]int{}
	for _, z := range p.w.Zones {
		out[z] = 0
	}
	for _, t := range tasks {
		if _, ok := out[t.Zone]; ok {
			out[t.Zone]++
		}
	}
	return out
}

// spread says of a start how many tasks the zones have. A task that is started to balance them goes to the emptiest, and
// nowhere else.
func (p *pass) spread(s *Start, o *pool) {
	if len(p.w.Zones) < 2 {
		return
	}
	s.Zones = p.byZone(o.fresh)
	if o.moves {
		s.Zone = slices.MinFunc(p.w.Zones, func(a, b string) int { return s.Zones[a] - s.Zones[b] })
	}
}

// balance marks a task to be replaced when its zone has too many, if nothing else is going on: one at a time, and its
// replacement is started first, in the emptiest zone. While that has no room nothing moves.
func (p *pass) balance(o *pool) {
	if !p.s.Rebalance || len(p.w.Zones) < 2 || o.maximum <= o.desired || len(p.s.Rollouts) > 1 ||
		o.rollout.State != api.DeploymentRolloutStateCompleted {
		return
	}
	if p.w.Full.Zone && p.w.Now.Before(p.w.Full.Until) {
		p.wake(p.w.Full.Until)
		return
	}
	var kept, ready []*task
	for _, t := range o.tasks {
		switch {
		case !t.kept() || t.stale || t.health == unhealthy:
			continue
		case t.health == healthy:
			ready = append(ready, t)
		}
		kept = append(kept, t)
	}
	count := p.byZone(kept)
	most, least := p.w.Zones[0], p.w.Zones[0]
	for _, z := range p.w.Zones {
		if count[z] > count[most] {
			most = z
		}
		if count[z] < count[least] {
			least = z
		}
	}
	start := len(kept) == o.desired && len(ready) == len(kept) && count[most]-count[least] > 1
	moving := len(kept) == o.desired+1 && count[most] > count[least]
	if !start && !moving {
		return
	}
	from := slices.DeleteFunc(ready, func(t *task) bool { return t.Zone != most })
	for _, t := range p.choose(from, kept, 1) {
		t.stale, t.moved, o.moves = true, true, start
	}
	if o.moves {
		p.tell(aboutZones, "is not AZ balanced with "+p.zonesSay(count)+". AZ Rebalancing in progress.")
	}
}

// movedFrom is the zone that a task leaves to balance the zones.
func (t *task) movedFrom() string {
	if !t.moved {
		return ""
	}
	return t.Zone
}

// tellBalanced tells that the zones are balanced again, when it was told that they were not.
func (p *pass) tellBalanced() {
	if _, told := p.s.Told[aboutZones]; told {
		delete(p.s.Told, aboutZones)
		kept := slices.DeleteFunc(p.all(), func(t *task) bool { return !t.kept() })
		p.event("is AZ balanced with " + p.zonesSay(p.byZone(kept)) + ".")
	}
}

// zonesSay says how many tasks each zone has: "2 tasks in us-east-1a, and 1 tasks in us-east-1b".
func (p *pass) zonesSay(count map[string]int) string {
	var parts []string
	for _, z := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%d tasks in %s", count[z], z))
	}
	last := len(parts) - 1
	parts[last] = "and " + parts[last]
	return strings.Join(parts, ", ")
}
