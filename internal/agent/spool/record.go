// Package spool keeps a container's output between the shim, which writes it, and the agent's log shipper, which reads
// it: a directory of segment files, bounded, that survives the death of every process. Writer and Reader share nothing
// but the directory. The shim (cmd/berth-shim) writes; internal/agent/task reads.
//
//	00000000000000000000.log   records from offset 0 on; each segment is named for its first offset
//	00000000000000000412.log   the last one is being written
//	data                       FIFO: the writer rouses the reader
//	room                       FIFO: the reader rouses a writer that waits for room
//
// A line's offset is its number in the spool, from 0. Lines that were dropped keep their numbers, so a gap in the
// offsets is the count of what was lost.
package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// MaxLine is the length at which a line is split, in bytes; Docker splits there too.
const MaxLine = 16 << 10

// Stream is where a line came from.
type Stream byte

const (
	Stdout Stream = 1
	Stderr Stream = 2
)

func (s Stream) String() string {
	switch s {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	}
	return "unknown"
}

// Line is a line of output without its newline.
type Line struct {
	Offset uint64
	Time   time.Time // when the shim read it
	Stream Stream
	// Partial is set on every piece but the last of a line longer than MaxLine.
	Partial bool
	Text    []byte
}

// A record is a header and the text, integers big-endian:
//
//	length of the text  uint32
//	CRC-32C of the rest uint32
//	offset              uint64
//	time                int64, nanoseconds since 1970
//	flags               uint8: stream, partial, end
//	text
const (
	headerSize = 25

	flagStream  = 0x03
	flagPartial = 0x04
	flagEnd     = 0x08 // the spool is complete; the record is no line
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errShort   = errors.New("record is not complete")
	errCorrupt = errors.New("record is damaged")
)

// appendRecord appends a line's record to b.
func appendRecord(b []byte, l Line, end bool) []byte {
	flags := byte(l.Stream) & flagStream
	if l.Partial {
		flags |= flagPartial
	}
	if end {
		flags |= flagEnd
	}
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(len(l.Text)))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint64(b, l.Offset)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Time.UnixNano()))
	b = append(append(b, flags), l.Text...)
	binary.BigEndian.PutUint32(b[start+4:], crc32.Checksum(b[start+8:], castagnoli))
	return b
}

// parseRecord reads the record at the start of b and its size. The line's text is part of b. errShort: b holds only the
// beginning of one; errCorrupt: no record begins here.
func parseRecord(b []byte) (l Line, end bool, size int, err error) {
	if len(b) < headerSize {
		return Line{}, false, 0, errShort
	}
	length := binary.BigEndian.Uint32(b)
	if length > MaxLine {
		return Line{}, false, 0, errCorrupt
	}
	size = headerSize + int(length)
	if len(b) < size {
		return Line{}, false, 0, errShort
	}
	if binary.BigEndian.Uint32(b[4:]) != crc32.Checksum(b[8:size], castagnoli) {
		return Line{}, false, 0, errCorrupt
	}
	flags := b[24]
	return Line{
		Offset:  binary.BigEndian.Uint64(b[8:]),
		Time:    time.Unix(0, int64(binary.BigEndian.Uint64(b[16:]))),
		Stream:  Stream(flags & flagStream),
		Partial: flags&flagPartial != 0,
		Text:    b[headerSize:size:size],
	}, flags&flagEnd != 0, size, nil
}

// wholeRecords returns the size of the records at the start of b that are complete.
func wholeRecords(b []byte) (size int) {
	for {
		_, _, n, err := parseRecord(b[size:])
		if err != nil {
			return size
		}
		size += n
	}
}
