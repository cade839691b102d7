package logs

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/logs/journal"
)

// Tokens are opaque to clients. They hold all that is needed to go on, so any server answers any token, also after a restart.

// sequenceToken is what PutLogEvents answers for clients that still look for it. Nothing reads it.
func sequenceToken(time int64, n uint64) string { return fmt.Sprintf("49%034d%020d", time, n) }

// positionText is a position in 56 digits: the id of an event, and the middle of the tokens that point between events.
func positionText(p journal.Position) string {
	return fmt.Sprintf("%016d%020d%020d", p.Time, p.Stream, p.Seq)
}

func readPosition(text string) (p journal.Position, err error) {
	if len(text) != 56 {
		return p, errToken
	}
	var time uint64
	if time, err = strconv.ParseUint(text[:16], 10, 63); err == nil {
		if p.Stream, err = strconv.ParseUint(text[16:36], 10, 64); err == nil {
			p.Seq, err = strconv.ParseUint(text[36:], 10, 64)
		}
	}
	if p.Time = int64(time); err != nil {
		return journal.Position{}, errToken
	}
	return p, nil
}

// forwardToken makes GetLogEvents go on with the events after p; backwardToken with those before p.
func forwardToken(p journal.Position) string  { return "f/" + positionText(p) + "/s" }
func backwardToken(p journal.Position) string { return "b/" + positionText(p) + "/s" }

func readEventsToken(token string) (p journal.Position, backward bool, err error) {
	text, ok := strings.CutSuffix(token, "/s")
	direction, text, _ := strings.Cut(text, "/")
	if !ok || direction != "f" && direction != "b" {
		return p, false, errToken
	}
	p, err = readPosition(text)
	return p, direction == "b", err
}

// nameToken makes a listing by name go on after a name.
func nameToken(name string) string { return base64.RawURLEncoding.EncodeToString([]byte(name)) }

func readNameToken(token string) (string, error) {
	name, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", errToken
	}
	return string(name), nil
}

// streamToken makes a listing of streams go on after one, in any order.
func streamToken(s journal.Stream) string {
	return nameToken(strconv.FormatInt(s.Last, 10) + ":" + s.Name)
}

func readStreamToken(token string) (*journal.Stream, error) {
	if token == "" {
		return nil, nil
	}
	text, err := readNameToken(token)
	if err != nil {
		return nil, err
	}
	last, name, ok := strings.Cut(text, ":")
	time, err := strconv.ParseInt(last, 10, 64)
	if err != nil || !ok || name == "" {
		return nil, errToken
	}
	return &journal.Stream{Name: name, Last: time}, nil
}
