package store

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A newer release may have written members that this one doesn't know. They must survive when this release rewrites the value, or a rolling
// upgrade, or a way back from one, loses data. No record type has to do anything for it: a table notices at decoding that a value has such
// members and keeps its text, and a write of the row carries them over, at every depth.
//
// What is unknown is what the stored text has and this release's own encoding of the same value has not. So a member that
// this release knows and now leaves out stays out, and an entry that it removes from a map or a list stays removed. An
// element of a list is taken for the same one when it is equal, or names the same thing, or, in a list of the same
// length, stands in the same place.

// keepUnknown carries the unknown members of the row before into a new one.
func (t *table) keepUnknown(r, old *row) error {
	known, err := t.codec.encode(old.value)
	if err != nil {
		return err
	}
	merged, err := carry(old.raw, known, r.raw)
	if err != nil {
		return err
	}
	r.raw, r.foreign = merged, true
	return nil
}

// carry adds to new what old has beyond known.
func carry(old, known, new jsontext.Value) (jsontext.Value, error) {
	kind := new.Kind()
	if old.Kind() != kind || known.Kind() != kind {
		return new, nil
	}
	switch kind {
	case '{':
		return carryMembers(old, known, new)
	case '[':
		return carryElements(old, known, new)
	}
	return new, nil
}

func carryMembers(old, known, new jsontext.Value) (jsontext.Value, error) {
	var o, k, n map[string]jsontext.Value
	if err := unmarshalAll([]jsontext.Value{old, known, new}, &o, &k, &n); err != nil {
		return nil, err
	}
	for name, value := range o {
		before, isKnown := k[name]
		now, isSet := n[name]
		switch {
		case isKnown && isSet:
			carried, err := carry(value, before, now)
			if err != nil {
				return nil, err
			}
			n[name] = carried
		case !isKnown && !isSet:
			n[name] = value
		}
	}
	return json.Marshal(n, json.Deterministic(true))
}

func carryElements(old, known, new jsontext.Value) (jsontext.Value, error) {
	var o, k, n []jsontext.Value
	if err := unmarshalAll([]jsontext.Value{old, known, new}, &o, &k, &n); err != nil {
		return nil, err
	}
	if len(o) != len(k) {
		return new, nil
	}
	for i, from := range pairs(k, n) {
		if from < 0 {
			continue
		}
		carried, err := carry(o[from], k[from], n[i])
		if err != nil {
			return nil, err
		}
		n[i] = carried
	}
	return json.Marshal(n)
}

// pairs says for each element of now which one of before it was, -1 for a new one.
func pairs(before, now []jsontext.Value) []int {
	same := []func(i, j int) bool{
		func(i, j int) bool { return bytes.Equal(before[i], now[j]) },
		func(i, j int) bool { a := identity(before[i]); return a != "" && a == identity(now[j]) },
		func(i, j int) bool {
			return i == j && len(before) == len(now) && identity(before[i]) == identity(now[j])
		},
	}
	from := make([]int, len(now))
	used := make([]bool, len(before))
	for j := range from {
		from[j] = -1
	}
	for _, isSame := range same {
		for j := range now {
			for i := 0; from[j] < 0 && i < len(before); i++ {
				if !used[i] && isSame(i, j) {
					from[j], used[i] = i, true
				}
			}
		}
	}
	return from
}

// identity is the member by which an object in a list says which one it is, "" when it has none.
func identity(v jsontext.Value) string {
	if v.Kind() != '{' {
		return ""
	}
	var names struct {
		ID   jsontext.Value `json:"id"`
		ARN  jsontext.Value `json:"arn"`
		Name jsontext.Value `json:"name"`
		Key  jsontext.Value `json:"key"`
	}
	if json.Unmarshal(v, &names) != nil {
		return ""
	}
	for _, name := range []jsontext.Value{names.ID, names.ARN, names.Name, names.Key} {
		if name != nil {
			return string(name)
		}
	}
	return ""
}

func unmarshalAll(texts []jsontext.Value, into ...any) error {
	for i, text := range texts {
		if err := json.Unmarshal(text, into[i]); err != nil {
			return err
		}
	}
	return nil
}
