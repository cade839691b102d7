package session

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/internal/agent/task"
)

// maxFrame bounds a frame from the control plane, in bytes: a payload of many tasks with large definitions.
const maxFrame = 64 << 20

// frame is what passes on both sockets: {"type":"AckRequest","message":{...}}.
type frame struct {
	Type    string         `json:"type"`
	Message jsontext.Value `json:"message"`
}

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

// encodeFrame writes a message of package acs or tcs, whose frame is named by its type.
func encodeFrame(m any) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode a %T: %w", m, err)
	}
	return envelope(reflect.TypeOf(m).Elem().Name(), body), nil
}

// envelope is a frame around a message that is encoded: to encode it as a value would read all of it once more.
func envelope(kind string, message []byte) []byte {
	const before, between, after = `{"type":"`, `","message":`, `}`
	data := make([]byte, 0, len(before)+len(kind)+len(between)+len(message)+len(after))
	data = append(append(append(data, before...), kind...), between...)
	return append(append(data, message...), after...)
}

// payload is acs.PayloadMessage with its tasks as they came, so that what this agent does not know of them is kept.
type payload struct {
	ClusterArn           string           `json:"clusterArn"`
	ContainerInstanceArn string           `json:"containerInstanceArn"`
	MessageID            string           `json:"messageId"`
	SeqNum               int64            `json:"seqNum"`
	Timeline             *int64           `json:"timeline"`
	Tasks                []jsontext.Value `json:"tasks"`
}

// decodePayload reads a payload and its tasks. A task of which not even the ARN can be read makes it unreadable: nobody
// could be told what became of that task.
func decodePayload(f frame) (payload, []task.Assignment, error) {
	p, err := message[payload](f)
	if err != nil {
		return p, nil, err
	}
	if p.ClusterArn == "" || p.ContainerInstanceArn == "" || p.MessageID == "" {
		return p, nil, errors.New("a payload lacks its clusterArn, containerInstanceArn or messageId")
	}
	var assigned []task.Assignment
	for _, t := range p.Tasks {
		a, err := task.Decode(t)
		if err != nil {
			return p, nil, fmt.Errorf("payload %s: %w", p.MessageID, err)
		}
		assigned = append(assigned, a)
	}
	return p, assigned, nil
}

// timeline is the payload's place in the order of what the control plane sends.
func (p payload) timeline() int64 {
	if p.Timeline != nil {
		return max(p.SeqNum, *p.Timeline)
	}
	return p.SeqNum
}
