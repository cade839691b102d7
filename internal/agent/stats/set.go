package stats

import (
	"math"

	"github.com/berth-dev/berth/api/tcs"
)

// floats is a set of measured values, of which the protocol wants the smallest, the largest, the number and the sum.
type floats struct {
	min, max, sum float64
	n             int32
}

func (f *floats) add(v float64) {
	if f.n == 0 {
		f.min, f.max = v, v
	}
	f.min, f.max, f.sum, f.n = min(f.min, v), max(f.max, v), f.sum+v, f.n+1
}

// set is nil without a value.
func (f *floats) set() *tcs.CWStatsSet {
	if f.n == 0 {
		return nil
	}
	return &tcs.CWStatsSet{Min: f.min, Max: f.max, Sum: f.sum, SampleCount: f.n}
}

// counts is a set of the kernel's counters.
type counts struct {
	min, max, sum uint64
	n             int64
}

func (c *counts) add(v uint64) {
	if c.n == 0 {
		c.min, c.max = v, v
	}
	c.min, c.max, c.sum, c.n = min(c.min, v), max(c.max, v), c.sum+v, c.n+1
}

// set is nil without a value.
func (c *counts) set() *tcs.ULongStatsSet {
	if c.n == 0 {
		return nil
	}
	out := &tcs.ULongStatsSet{SampleCount: c.n}
	out.Min, out.OverflowMin = signed(c.min)
	out.Max, out.OverflowMax = signed(c.max)
	out.Sum, out.OverflowSum = signed(c.sum)
	return out
}

// signed is a counter in the protocol's numbers, and what of it they can't hold.
func signed(v uint64) (base, overflow int64) {
	if v > math.MaxInt64 {
		return math.MaxInt64, int64(v % math.MaxInt64)
	}
	return int64(v), 0
}
