// Package logsource is how the agent's log shipper tells the log service which part of a container's output a batch is, so
// that a batch repeated after a lost answer or a crash is stored once. internal/agent/logship writes it, internal/logs reads it.
//
// PutLogEvents has a member that AWS keeps for old clients and ignores, sequenceToken. An agent, and only an agent, puts a
// Range there: the source (a container), and the offsets of its spool that the batch covers, from First up to and not
// including End. The service keeps, with the events and as durably, where each source of a stream goes on, and accepts a
// range only if it begins there or after. Otherwise it stores nothing and answers in the words that AWS had for it:
// DataAlreadyAcceptedException when all of the range is stored, InvalidSequenceTokenException when its beginning is.
// Either has expectedSequenceToken, the offset at which the source goes on; the shipper cuts its batch there.
package logsource

import (
	"fmt"
	"strconv"
	"strings"
)

// Range is a part of a source.
type Range struct {
	Source     string // names the container for ever
	First, End uint64 // offsets; End is the first that is not part
}

const mark = "berth:"

// Token is the range as a sequenceToken.
func (r Range) Token() string { return fmt.Sprintf("%s%d:%d:%s", mark, r.First, r.End, r.Source) }

// Parse reads a sequenceToken. ok is false, without an error, for a token that is no range: an old client sent back
// what it got.
func Parse(token string) (r Range, ok bool, err error) {
	rest, ok := strings.CutPrefix(token, mark)
	if !ok {
		return Range{}, false, nil
	}
	first, rest, _ := strings.Cut(rest, ":")
	end, source, _ := strings.Cut(rest, ":")
	if r.First, err = ParseOffset(first); err == nil {
		r.End, err = ParseOffset(end)
	}
	if r.Source = source; err != nil || source == "" || r.End <= r.First {
		return Range{}, true, fmt.Errorf("sequenceToken %q is not a range of a log source", token)
	}
	return r, true, nil
}

// FormatOffset is an offset as an expectedSequenceToken.
func FormatOffset(offset uint64) string { return strconv.FormatUint(offset, 10) }

// ParseOffset reads what FormatOffset wrote.
func ParseOffset(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) }
