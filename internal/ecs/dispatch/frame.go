package dispatch

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxFrame bounds a frame from an agent, in bytes. Amazon's agent sends at most one mebibyte of metrics in one.
const maxFrame = 2 << 20

// frame is what passes on both sockets, as text: {"type":"AckRequest","message":{...}}.
type frame struct {
	Type    string         `json:"type"`
	Message jsontext.Value `json:"message"`
}

// decodeFrame reads a frame's envelope. Members that it does not know are ignored, as the protocol grows by them.
func decodeFrame(data []byte) (frame, error) {
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("decode a frame: %w", err)
	}
	if f.Type == "" {
		return f, errors.New("decode a frame: it has no type")
	}
	return f, nil
}

// message reads a frame's message as a T.
func message[T any](f frame) (T, error) {
	var m T
	if err := json.Unmarshal(f.Message, &m); err != nil {
		return m, fmt.Errorf("decode a %s: %w", f.Type, err)
	}
	return m, nil
}

// encodeFrame writes a message of package acs or tcs, whose type is named by its shape.
func encodeFrame(m any) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode a %T: %w", m, err)
	}
	return envelope(reflect.TypeOf(m).Name(), body), nil
}

// envelope is a frame around a message that is encoded: to encode it as a value would read all of it once more.
func envelope(kind string, message []byte) []byte {
	const before, between, after = `{"type":"`, `","message":`, `}`
	data := make([]byte, 0, len(before)+len(kind)+len(between)+len(message)+len(after))
	data = append(append(append(data, before...), kind...), between...)
	return append(append(data, message...), after...)
}

// withoutHeaders takes away what agents put before each frame of telemetry: signed HTTP headers up to a blank line. The
// connection was authenticated already when it was made.
func withoutHeaders(data []byte) []byte {
	if bytes.HasPrefix(data, []byte("{")) {
		return data
	}
	for _, blank := range []string{"\r\n\r\n", "\n\n"} {
		if _, body, ok := bytes.Cut(data, []byte(blank)); ok {
			return body
		}
	}
	return data
}
