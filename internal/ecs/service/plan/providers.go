package plan

import "github.com/berth-dev/berth/internal/ecs/placement"

// providers are the parts that capacity providers get of n further tasks of the pool's rollout, by base and weight and by
// what each has already.
func (o *pool) providers(n int) []Part {
	if len(o.rollout.Providers) == 0 {
		return nil
	}
	present := map[string]int{}
	for _, t := range o.fresh {
		present[t.Provider]++
	}
	items := make([]placement.Provider, len(o.rollout.Providers))
	for i, item := range o.rollout.Providers {
		items[i] = placement.Provider{Base: item.Base, Weight: item.Weight, Present: present[item.Name]}
	}
	var out []Part
	for i, count := range placement.Distribute(items, n) {
		if count > 0 {
			out = append(out, Part{o.rollout.Providers[i].Name, count})
		}
	}
	return out
}
