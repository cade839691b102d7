package unsupported

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/instance"
)

// Open returns the register that a file keeps. A file that is not there yet, or can't be read, begins now; err tells the latter,
// and the register is of use all the same.
func Open(file string, now time.Time) (*Register, error) {
	r := New(now)
	r.file = file
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		r.changed = true // since when it is kept is worth keeping
		return r, nil
	}
	var kept Record
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		return r, fmt.Errorf("what was asked for so far and not done is forgotten: read %s: %w", file, err)
	}
	r.since, r.more = kept.Since, kept.More
	for _, e := range kept.Entries[:min(len(kept.Entries), maxEntries)] {
		r.entries[e.Asked] = &e
		if e.Made {
			r.made++
		}
	}
	return r, nil
}

// Save writes the file if something has changed since it was written.
func (r *Register) Save() error {
	r.mu.Lock()
	changed := r.changed
	r.changed = false
	r.mu.Unlock()
	if r.file == "" || !changed {
		return nil
	}
	text, err := json.Marshal(r.Record())
	if err == nil {
		err = instance.WriteFile(r.file, text, 0o600)
	}
	if err != nil {
		r.mu.Lock()
		r.changed = true
		r.mu.Unlock()
		return fmt.Errorf("save what was asked for and not done: %w", err)
	}
	return nil
}

// saveEvery is how much of the record a crash may cost.
const saveEvery = 5 * time.Second

// Run saves what changes until ctx ends, and then once more. failed is told of each failure.
func (r *Register) Run(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		if err := r.Save(); err != nil {
			failed(err)
		}
	}
}
