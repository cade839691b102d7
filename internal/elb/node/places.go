package node

import (
	"errors"
	"maps"
	"sync"
	"syscall"
	"time"
)

// settling is for how long after a start a port is kept for whoever was published there before it.
const settling = 30 * time.Second

// places are the ports of this machine at which listeners are published, by their names. After a restart each finds its own again,
// whichever comes first.
type places struct {
	until  time.Time         // before goes for so long
	before map[string]uint16 // those of the process before this one
	now    map[string]uint16
}

func newPlaces(before map[string]uint16) *places {
	return &places{until: time.Now().Add(settling), before: before, now: map[string]uint16{}}
}

// others tells whether a port is kept for somebody else who has not come yet.
func (p *places) others(name string, port uint16) bool {
	if time.Now().After(p.until) {
		return false
	}
	for has, at := range p.before {
		if _, came := p.now[has]; at == port && has != name && !came {
			return true
		}
	}
	return false
}

// lasting is for how long a process that was killed while it started a program may leave its sockets to that.
const lasting = 200 * time.Millisecond

// again takes a port, which is tried for an instant where it was the name's in the process before.
func (p *places) again(name string, port uint16, take func(port uint16) error) error {
	err := take(port)
	if _, came := p.now[name]; came || p.before[name] != port || time.Now().After(p.until) {
		return err
	}
	for end := time.Now().Add(lasting); errors.Is(err, syscall.EADDRINUSE) && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
		err = take(port)
	}
	return err
}

// all are the ports that the next process is to know: those that are taken, and those that are kept.
func (p *places) all() map[string]uint16 {
	all := map[string]uint16{}
	if time.Now().Before(p.until) {
		maps.Copy(all, p.before)
	}
	maps.Copy(all, p.now)
	return all
}

// memory hands the ports to who keeps them, when they have changed.
type memory struct {
	keep func(ports map[string]uint16) error

	mu    sync.Mutex
	kept  map[string]uint16
	ended bool // the process ends: that ports are left is not to be known
}

func (m *memory) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
}

func (m *memory) note(ports func() map[string]uint16) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keep == nil || m.ended {
		return nil
	}
	is := ports()
	if maps.Equal(is, m.kept) {
		return nil
	}
	if err := m.keep(is); err != nil {
		return err
	}
	m.kept = is
	return nil
}
