package node

import "sync"

// watchers are those who are told when some target's health changes.
type watchers struct {
	mu   sync.Mutex
	next int
	all  map[int]func(group string)
}

func (w *watchers) add(told func(group string)) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[int]func(string){}
	}
	id := w.next
	w.next++
	w.all[id] = told
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, id)
	}
}

func (w *watchers) tell(group string) {
	w.mu.Lock()
	told := make([]func(string), 0, len(w.all))
	for _, f := range w.all {
		told = append(told, f)
	}
	w.mu.Unlock()
	for _, f := range told {
		f(group)
	}
}
