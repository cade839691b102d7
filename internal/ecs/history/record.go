package history

import (
	"encoding/binary"
	"errors"

	"github.com/berth-dev/berth/internal/store"
)

// A stored record is a version, when it ended, the number of its keys, each key with its length, and the value. What a
// later release wants to add goes into the value, which this one gives back as it is.
const recordVersion = 1

var errRecord = errors.New("history: a record is damaged, or of a newer release")

func appendRecord(b []byte, r *Record) []byte {
	b = appendTime(append(b, recordVersion), r.Ended)
	b = binary.AppendUvarint(b, uint64(len(r.Keys)))
	for _, key := range r.Keys {
		b = appendText(b, key)
	}
	return append(b, r.Value...)
}

// readRecord reads what appendRecord wrote. The record shares nothing with stored.
func readRecord(scope store.Scope, id string, stored []byte) (Record, error) {
	if len(stored) < 9 || stored[0] != recordVersion {
		return Record{}, errRecord
	}
	r := Record{Scope: scope, ID: id, Ended: readTime(stored[1:9])}
	count, n := binary.Uvarint(stored[9:])
	if n <= 0 || count > uint64(len(stored)) {
		return Record{}, errRecord
	}
	rest := stored[9+n:]
	for range count {
		key, after, ok := cutText(rest)
		if !ok {
			return Record{}, errRecord
		}
		r.Keys, rest = append(r.Keys, key), after
	}
	r.Value = append([]byte(nil), rest...)
	return r, nil
}
