package placement

import (
	"fmt"
	"maps"
	"slices"
)

// attributes is a set of attributes. Most instances of a cluster have the same: they share one, and what a request asks
// of attributes is answered once for all of them.
type attributes struct {
	key    string
	index  int         // in Ledger.sets
	list   []Attribute // by name, each once
	values map[string]string
	users  int
}

// same tells whether the set is that of a list.
func (a *attributes) same(list []Attribute) bool {
	if len(list) != len(a.values) {
		return false
	}
	for _, x := range list {
		if v, ok := a.values[x.Name]; !ok || v != x.Value {
			return false
		}
	}
	return true
}

// carries tells whether an attribute that a task asks for is there.
func (a *attributes) carries(want Attribute) bool {
	have, ok := a.values[want.Name]
	return ok && (want.Value == "" || want.Value == have)
}

// share returns the set of a list, the one before if it is still right. Of several attributes of one name the first counts. Every use of
// the set ends by unshare.
func (l *Ledger) share(list []Attribute, before *attributes) *attributes {
	if before != nil && before.same(list) {
		before.users++
		return before
	}
	values, key := make(map[string]string, len(list)), []byte(nil)
	for _, x := range list {
		if _, twice := values[x.Name]; !twice {
			values[x.Name] = x.Value
		}
	}
	list = make([]Attribute, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		list = append(list, Attribute{name, value})
		key = fmt.Appendf(key, "%d %s%d %s", len(name), name, len(value), value) // no two sets have the same
	}
	a := l.byKey[string(key)]
	if a == nil {
		a = &attributes{key: string(key), list: list, values: values, index: slices.Index(l.sets, nil)}
		if a.index < 0 {
			a.index = len(l.sets)
			l.sets = append(l.sets, nil)
		}
		l.sets[a.index] = a
		l.byKey[a.key] = a
	}
	a.users++
	return a
}

func (l *Ledger) unshare(a *attributes) {
	if a == nil {
		return
	}
	if a.users--; a.users == 0 {
		delete(l.byKey, a.key)
		l.sets[a.index] = nil
	}
}
