package dispatch

import "sync"

// mailbox tells a session which of its tasks have changed. It holds each at most once, however slow the session is.
type mailbox struct {
	more chan struct{} // holds one while there is something

	mu    sync.Mutex
	tasks map[string]struct{}
}

func newMailbox() *mailbox {
	return &mailbox{more: make(chan struct{}, 1), tasks: map[string]struct{}{}}
}

func (m *mailbox) put(task string) {
	m.mu.Lock()
	m.tasks[task] = struct{}{}
	m.mu.Unlock()
	select {
	case m.more <- struct{}{}:
	default:
	}
}

func (m *mailbox) take() map[string]struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.tasks
	m.tasks = map[string]struct{}{}
	return taken
}
