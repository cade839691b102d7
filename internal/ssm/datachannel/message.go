// Package datachannel is Session Manager's data channel, as the session-manager-plugin and the SSM agent speak it over a
// websocket: its binary messages, and the exchange of payloads in order and once each that outlives a broken socket.
// internal/ssm answers clients with it; `berth exec` and `berth port-forward` are such clients.
//
// The format is that of the public sources of the plugin (github.com/aws/session-manager-plugin, src/message).
package datachannel

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Kind is a message's type.
type Kind string

// The kinds of messages.
const (
	Input       Kind = "input_stream_data" // from the client
	Output      Kind = "output_stream_data"
	Acknowledge Kind = "acknowledge"
	Closed      Kind = "channel_closed"
	Start       Kind = "start_publication"
	Pause       Kind = "pause_publication"
)

// PayloadType says what the payload of Input or Output is.
type PayloadType uint32

// The types of payloads.
const (
	Data              PayloadType = 1 // what is typed or printed
	Error             PayloadType = 2
	Size              PayloadType = 3 // of the terminal: {"cols":80,"rows":24}
	Parameter         PayloadType = 4
	HandshakeRequest  PayloadType = 5
	HandshakeResponse PayloadType = 6
	HandshakeComplete PayloadType = 7
	Flag              PayloadType = 10 // a FlagValue, 4 bytes
	StdErr            PayloadType = 11
	ExitCode          PayloadType = 12 // decimal digits
)

// FlagValue is the payload of type Flag.
type FlagValue uint32

// The flags.
const (
	DisconnectToPort   FlagValue = 1
	TerminateSession   FlagValue = 2
	ConnectToPortError FlagValue = 3
)

// Bytes is the flag as a payload.
func (f FlagValue) Bytes() []byte { return binary.BigEndian.AppendUint32(nil, uint32(f)) }

// ReadFlag reads a payload of type Flag; false: it is none.
func ReadFlag(payload []byte) (FlagValue, bool) {
	if len(payload) != 4 {
		return 0, false
	}
	return FlagValue(binary.BigEndian.Uint32(payload)), true
}

// Message is one message of the channel.
type Message struct {
	Kind        Kind
	Sequence    int64
	Flags       uint64 // 1: the first of its stream, 2: the last
	ID          uuid.UUID
	Created     time.Time // in milliseconds
	PayloadType PayloadType
	Payload     []byte
}

// Layout, all numbers big-endian: the length of the header up to the payload's length, then the fields of Message.
const (
	kindAt, versionAt, createdAt, sequenceAt, flagsAt, idAt, digestAt, payloadTypeAt = 4, 36, 40, 48, 56, 64, 80, 112
	headerLength                                                                     = 116
	payloadAt                                                                        = headerLength + 4
	schemaVersion                                                                    = 1
)

// MaxMessage bounds a message, in bytes.
const MaxMessage = 1 << 20

// Encode is the message on the wire.
func (m Message) Encode() []byte {
	b := make([]byte, payloadAt, payloadAt+len(m.Payload))
	binary.BigEndian.PutUint32(b, headerLength)
	copy(b[kindAt:versionAt], string(m.Kind)+strings.Repeat(" ", versionAt-kindAt))
	binary.BigEndian.PutUint32(b[versionAt:], schemaVersion)
	binary.BigEndian.PutUint64(b[createdAt:], uint64(m.Created.UnixMilli()))
	binary.BigEndian.PutUint64(b[sequenceAt:], uint64(m.Sequence))
	binary.BigEndian.PutUint64(b[flagsAt:], m.Flags)
	copy(b[idAt:], m.ID[8:]) // the low half comes first
	copy(b[idAt+8:], m.ID[:8])
	digest := sha256.Sum256(m.Payload)
	copy(b[digestAt:], digest[:])
	binary.BigEndian.PutUint32(b[payloadTypeAt:], uint32(m.PayloadType))
	binary.BigEndian.PutUint32(b[headerLength:], uint32(len(m.Payload)))
	return append(b, m.Payload...)
}

var errShort = errors.New("a message of the data channel is cut off")

// Decode reads a message. Its payload is part of data.
func Decode(data []byte) (m Message, err error) {
	if len(data) < payloadAt {
		return m, errShort
	}
	// A header may grow at its end: what it adds stands between the fields and the payload's length.
	header := int64(binary.BigEndian.Uint32(data))
	if header < headerLength || header+4 > int64(len(data)) {
		return m, fmt.Errorf("a message of the data channel has a header of %d bytes", header)
	}
	m = Message{
		Kind:        Kind(strings.TrimRight(string(data[kindAt:versionAt]), " \x00")),
		Created:     time.UnixMilli(int64(binary.BigEndian.Uint64(data[createdAt:]))),
		Sequence:    int64(binary.BigEndian.Uint64(data[sequenceAt:])),
		Flags:       binary.BigEndian.Uint64(data[flagsAt:]),
		PayloadType: PayloadType(binary.BigEndian.Uint32(data[payloadTypeAt:])),
		Payload:     data[header+4:],
	}
	copy(m.ID[8:], data[idAt:])
	copy(m.ID[:8], data[idAt+8:])
	if length := binary.BigEndian.Uint32(data[header:]); int64(length) != int64(len(m.Payload)) {
		return m, fmt.Errorf("a message of the data channel says that it carries %d bytes, and carries %d", length, len(m.Payload))
	}
	if sha256.Sum256(m.Payload) != [32]byte(data[digestAt:payloadTypeAt]) {
		return m, errors.New("a message of the data channel does not match its digest")
	}
	return m, nil
}
