package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// codec is what a table knows of its values' type.
type codec struct {
	encode func(v any) ([]byte, error)
	// decode also says whether the JSON has members that the type doesn't know.
	decode func(raw []byte) (v any, foreign bool, err error)
	// counted tells of each of the table's indexes whether it only counts; keys are a row's keys in them, sorted.
	counted map[string]bool
	keys    func(scope Scope, id string, v any) []string
}

// onlyCounts tells whether an index key is one of an index that holds no rows.
func (c *codec) onlyCounts(key string) bool {
	index, _, _ := strings.Cut(key, "\x00")
	return c.counted[index]
}

func codecOf[T any](indexes []Index[T]) codec {
	c := codec{
		counted: map[string]bool{},
		encode:  func(v any) ([]byte, error) { return json.Marshal(v, json.Deterministic(true)) },
		decode: func(raw []byte) (any, bool, error) {
			v := new(T)
			err := json.Unmarshal(raw, v, json.RejectUnknownMembers(true))
			if !errors.Is(err, json.ErrUnknownName) {
				return v, false, err
			}
			v = new(T)
			return v, true, json.Unmarshal(raw, v)
		},
		keys: func(scope Scope, id string, v any) (keys []string) {
			for _, index := range indexes {
				for _, key := range index.Keys(id, v.(*T)) {
					keys = append(keys, indexKey(scope, index.Name, key))
				}
			}
			slices.Sort(keys)
			return slices.Compact(keys)
		},
	}
	for _, index := range indexes {
		c.counted[index.Name] = index.Counted
	}
	return c
}

// check panics when a row's value is no longer what is stored. See [Memory].
func (db *DB) check(t *table, r *row) {
	if !db.config.CheckValues || r == nil || r.foreign {
		return
	}
	now, err := t.codec.encode(r.value)
	if err != nil || !bytes.Equal(now, r.raw) {
		panic(fmt.Sprintf("store: the value of %s %q was changed in place; copy a value before changing it\nstored: %s\nis now: %s", t.name, r.id, r.raw, now))
	}
}

func (db *DB) checkAll() {
	if !db.config.CheckValues {
		return
	}
	db.mu.RLock()
	defer db.mu.RUnlock()
	for _, t := range db.tables {
		for _, s := range t.byKey {
			db.check(t, s.row)
		}
	}
}
