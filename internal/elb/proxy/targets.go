package proxy

import (
	"sync"

	"github.com/berth-dev/berth/internal/elb/target"
)

// toTarget is how a target is reached. Its watch ends when it is of no use any more, and closes what it has open by then, or
// once done is closed.
type toTarget interface{ watch(done <-chan struct{}) }

// wayTo finds the way to a target, or makes it and keeps it for as long as it watches.
func wayTo[W toTarget](p *Proxy, ways *sync.Map, t *target.Target, build func() W) W {
	if found, ok := ways.Load(t); ok {
		return found.(W)
	}
	made := build()
	if found, ok := ways.LoadOrStore(t, made); ok {
		return found.(W)
	}
	p.work.Go(func() {
		made.watch(p.done)
		ways.CompareAndDelete(t, made)
	})
	return made
}
