package proxy

import "sync"

// The sizes of buffers: what most messages need, what bulk is carried in, and what the largest head needs.
const (
	small  = 4 << 10
	medium = 16 << 10
	large  = 96 << 10
)

const (
	// spliceFrom is from how many bytes on it is worth to have the kernel carry them.
	spliceFrom = 32 << 10
	// pipeSize is what a pipe is to hold; as much as the kernel gives to anybody.
	pipeSize = 1 << 20
)

var (
	smalls  = sync.Pool{New: func() any { return new([small]byte) }}
	mediums = sync.Pool{New: func() any { return new([medium]byte) }}
	larges  = sync.Pool{New: func() any { return new([large]byte) }}
)

// take gives a buffer of at least that size; nil when none is that large.
func take(size int) []byte {
	switch {
	case size <= small:
		return smalls.Get().(*[small]byte)[:]
	case size <= medium:
		return mediums.Get().(*[medium]byte)[:]
	case size <= large:
		return larges.Get().(*[large]byte)[:]
	}
	return nil
}

// give hands a buffer back. One that grew to a size of its own is left to the collector.
func give(b []byte) {
	b = b[:cap(b)]
	switch len(b) {
	case small:
		smalls.Put((*[small]byte)(b))
	case medium:
		mediums.Put((*[medium]byte)(b))
	case large:
		larges.Put((*[large]byte)(b))
	}
}
