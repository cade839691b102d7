package ecs

import (
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/berth-dev/berth/internal/ecs/placement"
)

// balance is how many tasks each zone has, where the order has zones balanced.
func (o *Order) balance() map[string]int {
	switch {
	case o.Zone != "":
		return map[string]int{o.Zone: 0}
	case len(o.Strategy) > 0:
		return nil
	}
	return o.Zones
}

// inZones reserves room for tasks in the zones that have the fewest, as far as there is room in them: what one has no room for goes to
// the others in the same way. It returns the ids of those that are left.
func (p *placer) inZones(sh *share, r placement.Request, ids []string) []string {
	zones := r.Zones
	if len(zones) == 0 {
		zones = p.ledger.Zones(r.Pool)
	}
	if sh.zones == nil || len(zones) < 2 && len(r.Zones) == 0 {
		return ids
	}
	zones, has := slices.Clone(zones), maps.Clone(sh.zones)
	for len(ids) > 0 && len(zones) > 0 {
		for zone, n := range parts(zones, has, len(ids)) {
			r.Zones = []string{zone}
			chosen := p.ledger.Place(r, ids[:n])
			for _, c := range chosen {
				if c.Instance.Zone == "" { // it is in all of them: this is where its network interface will be
					c.Instance.Zone = zone
				}
				sh.chosen = append(sh.chosen, c)
			}
			has[zone] += len(chosen)
			if ids = ids[len(chosen):]; len(chosen) < n {
				zones = slices.DeleteFunc(zones, func(z string) bool { return z == zone })
			}
		}
	}
	return ids
}

// parts says how many of count tasks each of the zones gets, so that they come to have equally many. Chance decides between equals.
func parts(zones []string, has map[string]int, count int) map[string]int {
	has, out := maps.Clone(has), map[string]int{}
	zones = slices.Clone(zones)
	rand.Shuffle(len(zones), func(i, j int) { zones[i], zones[j] = zones[j], zones[i] })
	for range count {
		zone := slices.MinFunc(zones, func(a, b string) int { return has[a] - has[b] })
		has[zone]++
		out[zone]++
	}
	return out
}
