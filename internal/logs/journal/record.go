package journal

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// record is a Stream as it is stored. Members that a later version adds are kept when an earlier one rewrites the record.
type record struct {
	ID       uint64         `json:"id"`
	Created  int64          `json:"created"`
	First    int64          `json:"first,omitzero"`
	Last     int64          `json:"last,omitzero"`
	Ingested int64          `json:"ingested,omitzero"`
	Bytes    int64          `json:"bytes,omitzero"`
	Appended uint64         `json:"appended,omitzero"`
	Unknown  jsontext.Value `json:",embed"`
}

func (r *record) stream(name string) Stream {
	return Stream{Name: name, ID: r.ID, Created: r.Created, First: r.First, Last: r.Last, Ingested: r.Ingested, Bytes: r.Bytes, Appended: r.Appended}
}

func decodeRecord(key, value []byte) (*record, error) {
	r := new(record)
	if err := json.Unmarshal(value, r); err != nil {
		return nil, fmt.Errorf("journal: record of stream %q is damaged: %w", key[groupLen:], err)
	}
	return r, nil
}

func loadRecord(from pebble.Reader, group GroupID, name string) (*record, error) {
	key := streamKey(group, name)
	value, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNoStream
	}
	if err != nil {
		return nil, fmt.Errorf("journal: read stream %q: %w", name, err)
	}
	defer closer.Close()
	return decodeRecord(key, value)
}

func saveRecord(to *pebble.Batch, group GroupID, name string, r *record) error {
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return to.Set(streamKey(group, name), value, nil)
}
