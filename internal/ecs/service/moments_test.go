package service

import (
	"testing"
	"time"
)

// Whatever the wall clock does, a moment lies as far back as the monotonic clock has gone on since.
func TestMomentsByTheMonotonicClock(t *testing.T) {
	noon := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name             string
		seen, now        time.Duration // after noon, at which it began: the wall clock when it is seen first, and later
		passed           time.Duration // between the two
		wantSeen, wantAt time.Duration // how long it has been then
	}{
		{"no jump", time.Minute, 3 * time.Minute, 2 * time.Minute, time.Minute, 3 * time.Minute},
		{"set back", time.Minute, time.Minute - 48*time.Hour, 2 * time.Minute, time.Minute, 3 * time.Minute},
		{"set forward", time.Minute, 48 * time.Hour, 2 * time.Minute, time.Minute, 3 * time.Minute},
		{"set back before it is seen", -time.Hour, time.Minute - time.Hour, time.Minute, 0, time.Minute},
		{"set right again", -time.Hour, time.Minute, time.Minute, 0, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m moments
			began := time.Minute // up
			if at := m.at("it", noon, noon.Add(c.seen), began); noon.Add(c.seen).Sub(at) != c.wantSeen {
				t.Errorf("first it began at %v", at)
			}
			m.end()
			if at := m.at("it", noon, noon.Add(c.now), began+c.passed); noon.Add(c.now).Sub(at) != c.wantAt {
				t.Errorf("later it began at %v", at)
			}
		})
	}
}

func TestMomentsThatNobodyAsksForAreForgotten(t *testing.T) {
	var m moments
	now := time.Unix(1000, 0)
	m.at("one", now, now, 0)
	m.at("two", now, now, 0)
	m.end()
	m.at("two", now, now, 0)
	m.at("two", now, now, 0)
	m.end()
	if _, kept := m.began["two"]; len(m.began) != 1 || !kept {
		t.Errorf("%v", m.began)
	}
}
