package elb

import "sync"

// watchers are functions that want to be told of something.
type watchers[T any] struct {
	mu   sync.Mutex
	next int
	told map[int]func(T)
}

// watch has told called for each thing until stop is called.
func (w *watchers[T]) watch(told func(T)) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told == nil {
		w.told = map[int]func(T){}
	}
	n := w.next
	w.next++
	w.told[n] = told
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.told, n)
	}
}

// tell calls all of them.
func (w *watchers[T]) tell(what T) {
	w.mu.Lock()
	all := make([]func(T), 0, len(w.told))
	for _, told := range w.told {
		all = append(all, told)
	}
	w.mu.Unlock()
	for _, told := range all {
		told(what)
	}
}
