// Package unsupported keeps what a Berth was asked for and did not do: parameters that were ignored because no API model has
// them, parameters and values that were refused, and operations and services that are not built. The wire layer adds to it,
// `berth unsupported` shows it. What callers sent as values stays out of it.
package unsupported

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Asked is what was asked for and not done.
type Asked struct {
	Service   string `json:"service"`
	Operation string `json:"operation,omitzero"` // empty: the whole service is not there
	Parameter string `json:"parameter,omitzero"` // its names joined by dots; empty: the whole operation is not there
	Value     string `json:"value,omitzero"`     // one of the API model's values for the parameter; empty: whatever it was
}

// What was done instead.
const (
	Ignored = "ignored" // as AWS ignores what it does not know
	Refused = "refused"
)

// Entry is something asked for, how often and when.
type Entry struct {
	Asked
	Did   string    `json:"did"` // Ignored or Refused
	Why   string    `json:"why"`
	Count int64     `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Made says that callers made up a part of the name: of such entries there can be any number.
	Made bool `json:"made,omitzero"`
}

// Record is all that was asked for since a time.
type Record struct {
	Since   time.Time `json:"since"`
	Entries []Entry   `json:"entries"` // newest last time first
	// More counts requests for what found no room among the entries.
	More int64 `json:"more,omitzero"`
}

const (
	// maxMade bounds the entries with names that callers made up. Of the others there are as many as the API has names.
	maxMade = 500
	// maxEntries bounds all entries, whatever the API models come to hold.
	maxEntries = 5000
	// maxParameter bounds the bytes of a parameter's path.
	maxParameter = 256
)

// Register keeps the record. The zero Register is not ready for use; New makes one.
type Register struct {
	file string // empty: memory alone

	mu      sync.Mutex
	since   time.Time
	entries map[Asked]*Entry
	told    map[Asked]bool // by this process
	made    int
	more    int64
	changed bool
}

// New returns an empty register that begins now and lives in memory.
func New(now time.Time) *Register {
	return &Register{since: now.UTC(), entries: map[Asked]*Entry{}, told: map[Asked]bool{}}
}

// Add counts one request for e.Asked, at a time; of e it takes Did, Why and Made too. It reports whether that is news to this
// process, to be told in its log. What finds no room is counted alone, and no news.
func (r *Register) Add(e Entry, now time.Time) (news bool) {
	e.Parameter = strings.ToValidUTF8(e.Parameter[:min(len(e.Parameter), maxParameter)], "")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = true
	known := r.entries[e.Asked]
	if known == nil {
		if len(r.entries) >= maxEntries || e.Made && r.made >= maxMade {
			r.more++
			return false
		}
		if e.Made {
			r.made++
		}
		e.Count, e.First = 0, now.UTC()
		known = &e
		r.entries[e.Asked] = known
	}
	known.Count++
	known.Last, known.Did, known.Why = now.UTC(), e.Did, e.Why
	news = !r.told[e.Asked]
	r.told[e.Asked] = true
	return news
}

// Record is what was asked for so far.
func (r *Register) Record() Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	record := Record{Since: r.since, More: r.more, Entries: make([]Entry, 0, len(r.entries))}
	for _, e := range r.entries {
		record.Entries = append(record.Entries, *e)
	}
	slices.SortFunc(record.Entries, func(x, y Entry) int {
		return cmp.Or(y.Last.Compare(x.Last), cmp.Compare(x.Service, y.Service), cmp.Compare(x.Operation, y.Operation),
			cmp.Compare(x.Parameter, y.Parameter), cmp.Compare(x.Value, y.Value))
	})
	return record
}

// Forget begins anew.
func (r *Register) Forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since, r.made, r.more, r.changed = now.UTC(), 0, 0, true
	clear(r.entries)
	clear(r.told)
}
