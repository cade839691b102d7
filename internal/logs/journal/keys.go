package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// The keys of the Pebble journal. All numbers are big endian, so that keys sort as their numbers do.
//
//	s group name                    a stream's record
//	e group stream time seq         an event: varint(ingestion time - time), message
//	o group stream source           the offset at which the source goes on
const (
	streamKind = 's'
	eventKind  = 'e'
	offsetKind = 'o'
)

const (
	groupLen    = 1 + 8
	eventPrefix = groupLen + 8
	eventLen    = eventPrefix + 8 + 8
)

func groupKey(kind byte, group GroupID) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, uint64(group))
}

func streamKey(group GroupID, name string) []byte {
	return append(groupKey(streamKind, group), name...)
}

func streamPrefix(kind byte, group GroupID, stream uint64) []byte {
	return binary.BigEndian.AppendUint64(groupKey(kind, group), stream)
}

func offsetKey(group GroupID, stream uint64, source string) []byte {
	return append(streamPrefix(offsetKind, group, stream), source...)
}

func eventKey(group GroupID, p Position) []byte {
	key := make([]byte, 0, eventLen)
	key = append(key, eventKind)
	key = binary.BigEndian.AppendUint64(key, uint64(group))
	key = binary.BigEndian.AppendUint64(key, p.Stream)
	key = binary.BigEndian.AppendUint64(key, uint64(p.Time))
	return binary.BigEndian.AppendUint64(key, p.Seq)
}

// eventPosition reads the position from an event's key.
func eventPosition(key []byte) Position {
	return Position{
		Stream: binary.BigEndian.Uint64(key[groupLen:]),
		Time:   int64(binary.BigEndian.Uint64(key[eventPrefix:])),
		Seq:    binary.BigEndian.Uint64(key[eventPrefix+8:]),
	}
}

// prefixEnd returns the first key after all those that begin with prefix, which is not all 0xff.
func prefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

func appendEventValue(dst []byte, time, ingested int64, message string) []byte {
	return append(binary.AppendVarint(dst, ingested-time), message...)
}

var errEventValue = errors.New("journal: an event's value is damaged")

func readEventValue(value []byte, time int64) (ingested int64, message []byte, err error) {
	delta, n := binary.Varint(value)
	if n <= 0 {
		return 0, nil, errEventValue
	}
	return time + delta, value[n:], nil
}
