package dispatch

import (
	"errors"
	"sync"

	"github.com/berth-dev/berth/internal/store"
)

// instanceKey names an instance: an identity of a machine, and its two sockets.
type instanceKey struct {
	scope    store.Scope
	instance string
}

// maxSessions bounds a book.
const maxSessions = 20000

// Why a session ended, as far as it was this server's doing.
var (
	errReplaced = errors.New("a newer session of this instance took over")
	errShutdown = errors.New("the server is shutting down")
	errInactive = errors.New("the instance was deregistered")
	errSilent   = errors.New("nothing was heard of the agent")
	errFull     = errors.New("the server has as many sessions as it can hold")
)

// ending is a session that can be told to end. end returns at once.
type ending interface {
	comparable
	end(why error)
}

// book holds the open sessions on one kind of socket, one for each instance.
type book[S ending] struct {
	mu      sync.Mutex
	open    map[instanceKey]S
	closed  bool
	running sync.WaitGroup
}

func newBook[S ending]() *book[S] { return &book[S]{open: map[instanceKey]S{}} }

// enter makes s the instance's session and ends the one before it: the connection that the agent gave up may take
// minutes to show that it is dead. After an enter without error the caller leaves.
func (b *book[S]) enter(key instanceKey, s S) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, replaced := b.open[key]
	switch {
	case b.closed:
		return errShutdown
	case replaced:
		old.end(errReplaced)
	case len(b.open) >= maxSessions:
		return errFull
	}
	b.open[key] = s
	b.running.Add(1)
	return nil
}

func (b *book[S]) leave(key instanceKey, s S) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[key] == s {
		delete(b.open, key)
	}
	b.running.Done()
}

// get returns the instance's session, the zero S when it has none.
func (b *book[S]) get(key instanceKey) S {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open[key]
}

// close lets nobody in any more, ends all sessions and waits for them.
func (b *book[S]) close() {
	b.mu.Lock()
	b.closed = true
	for _, s := range b.open {
		s.end(errShutdown)
	}
	b.mu.Unlock()
	b.running.Wait()
}
