package elb

import (
	"reflect"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
)

// place names a record.
type place struct {
	scope store.Scope
	id    string
}

// reconciler knows what the data path was told, and what has changed since.
type reconciler struct {
	*Service
	balancers, groups map[place]bool // to be looked at
	told              told
	draining          drainings
	renewals          renewals
	ended             bool // the store is closed
}

// told is what the data path was told last, by ARN.
type told struct {
	balancers map[string]*balancer.Balancer
	groups    map[string]*balancer.Group
}

func newReconciler(s *Service) *reconciler {
	return &reconciler{
		Service: s, balancers: map[place]bool{}, groups: map[place]bool{}, draining: drainings{},
		told: told{map[string]*balancer.Balancer{}, map[string]*balancer.Group{}}, renewals: renewals{told: make(chan struct{}, 1)},
	}
}

// waiting tells whether something is to be looked at.
func (r *reconciler) waiting() bool { return len(r.balancers)+len(r.groups) > 0 }

func (r *reconciler) balancer(row *store.Row[loadBalancer], open bool) {
	if r.ended = r.ended || !open; row == nil {
		return
	}
	r.balancers[place{row.Scope, row.ID}] = true
	for rule := range r.tables.rules.Find(row.Scope, byBalancer, row.ID) { // its zones are those of its groups' targets
		r.lookAt(row.Scope, groupsOf(rule.Value.Actions))
	}
}

func (r *reconciler) lookAt(scope store.Scope, groups []string) {
	for _, arn := range groups {
		if id := idIn(scope, kindGroup, arn); id != "" {
			r.groups[place{scope, id}] = true
		}
	}
}

func (r *reconciler) group(row *store.Row[targetGroup], open bool) {
	if r.ended = r.ended || !open; row != nil {
		r.groups[place{row.Scope, row.ID}] = true
	}
}

func (r *reconciler) listener(row *store.Row[listener], open bool) {
	if r.ended = r.ended || !open; row != nil {
		r.balancers[place{row.Scope, row.Value.Balancer}] = true
	}
}

func (r *reconciler) rule(e store.Event[rule], open bool) {
	r.ended = r.ended || !open
	for _, row := range []*store.Row[rule]{e.Old, e.New} {
		if row != nil {
			r.balancers[place{row.Scope, row.Value.Balancer}] = true
			r.lookAt(row.Scope, groupsOf(row.Value.Actions))
		}
	}
}

func (r *reconciler) target(e store.Event[target], open bool) {
	r.ended = r.ended || !open
	row := either(e)
	if row == nil {
		return
	}
	r.groups[place{row.Scope, row.Value.Group}] = true
	if e.New == nil {
		r.drained.ring()
	}
}

// flush tells the data path what has changed: groups before the load balancers that name them, and what is gone in the other
// order.
func (r *reconciler) flush() {
	var changed []groupKey
	var gone []string
	for at := range r.groups {
		arn := arnOf(at.scope, kindGroup, at.id)
		row, ok := r.tables.groups.Get(at.scope, at.id)
		r.draining.note(r.Service, at)
		if !ok || !r.balanced(at.scope, arn) {
			gone = append(gone, arn)
			continue
		}
		if plain := r.plainGroup(at.scope, row.Value); !reflect.DeepEqual(plain, r.told.groups[arn]) {
			r.told.groups[arn] = plain
			changed = append(changed, groupKey{at.scope, arn})
			r.plane(func(p Plane) { p.SetGroup(plain) })
		}
	}
	r.flushBalancers()
	for _, arn := range gone {
		if _, ok := r.told.groups[arn]; ok {
			delete(r.told.groups, arn)
			r.plane(func(p Plane) { p.RemoveGroup(arn) })
			scope, _, _ := parseARN(kindGroup, arn)
			changed = append(changed, groupKey{scope, arn})
		}
	}
	clear(r.groups)
	for _, key := range changed {
		r.changed.tell(key)
	}
}

func (r *reconciler) flushBalancers() {
	for at := range r.balancers {
		arn := arnOf(at.scope, kindBalancer, at.id)
		row, ok := r.tables.balancers.Get(at.scope, at.id)
		if !ok {
			if _, told := r.told.balancers[arn]; told {
				delete(r.told.balancers, arn)
				r.plane(func(p Plane) { p.RemoveBalancer(arn) })
			}
			continue
		}
		if plain := r.plainBalancer(at.scope, row.Value); !reflect.DeepEqual(plain, r.told.balancers[arn]) {
			r.told.balancers[arn] = plain
			r.plane(func(p Plane) { p.SetBalancer(plain) })
		}
	}
	clear(r.balancers)
}

func (r *reconciler) plane(tell func(Plane)) {
	if r.config.Plane != nil {
		tell(r.config.Plane)
	}
}
