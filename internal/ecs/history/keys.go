package history

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// The keys of the Pebble history. Numbers are big endian, so that keys sort as they do; a text is preceded by its length, so that none
// begins another.
//
//	r scope id          a record
//	k scope key id      when the record with that key ended
//	a ended scope id    every record, by age
//	c number            a change
//	m name              a mark, or the number of the next change, or the count of records
const (
	recordKind = 'r'
	keyKind    = 'k'
	ageKind    = 'a'
	changeKind = 'c'
	metaKind   = 'm'
)

func appendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

// cutText takes the text at the front of b off.
func cutText(b []byte) (text string, rest []byte, ok bool) {
	if len(b) < 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return "", nil, false
	}
	return string(b[2 : 2+n]), b[2+n:], true
}

func appendScope(b []byte, s store.Scope) []byte {
	return appendText(appendText(b, s.Account), s.Region)
}

func cutScope(b []byte) (s store.Scope, rest []byte, ok bool) {
	var ok1, ok2 bool
	s.Account, b, ok1 = cutText(b)
	s.Region, rest, ok2 = cutText(b)
	return s, rest, ok1 && ok2
}

func recordKey(b []byte, s store.Scope, id string) []byte {
	return append(appendScope(append(b, recordKind), s), id...)
}

// keyPrefix begins what records with a key are found by.
func keyPrefix(b []byte, s store.Scope, key string) []byte {
	return appendText(appendScope(append(b, keyKind), s), key)
}

func keyKey(b []byte, s store.Scope, key, id string) []byte {
	return append(keyPrefix(b, s, key), id...)
}

func ageKey(b []byte, ended time.Time, s store.Scope, id string) []byte {
	return append(appendScope(appendTime(append(b, ageKind), ended), s), id...)
}

func changeKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{changeKind}, number)
}

func metaKey(name string) []byte { return append([]byte{metaKind}, name...) }

// appendTime writes a time so that earlier ones sort first.
func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixNano())^(math.MaxInt64+1))
}

func readTime(b []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(b)^(math.MaxInt64+1))).UTC()
}
