package dispatch

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace holds back instances that come again and again.
type pace struct {
	mu     sync.Mutex
	limits map[instanceKey]*rate.Limiter
}

// An instance that opens a socket more often than once a second, after a first few, is told to come later.
const (
	comeBack      = time.Second
	comeBackBurst = 20
)

var errPace = errors.New("the agent reconnects too often")

func (p *pace) admit(key instanceKey) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := p.limits[key]
	if limit == nil {
		limit = rate.NewLimiter(rate.Every(comeBack), comeBackBurst)
		p.limits[key] = limit
	}
	if !limit.Allow() {
		return errPace
	}
	return nil
}

func (p *pace) forget(key instanceKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.limits, key)
}
