package datachannel

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
)

func example() Message {
	return Message{Kind: Output, Sequence: 7, Flags: 1, ID: uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"),
		Created: time.UnixMilli(1_700_000_000_123), PayloadType: Data, Payload: []byte("hello")}
}

func TestAMessageHasThePluginsLayout(t *testing.T) {
	b := example().Encode()
	for _, c := range []struct {
		what string
		got  any
		want any
	}{
		{"header length", binary.BigEndian.Uint32(b), uint32(116)},
		{"kind", string(b[4:36]), "output_stream_data              "},
		{"schema version", binary.BigEndian.Uint32(b[36:]), uint32(1)},
		{"created", binary.BigEndian.Uint64(b[40:]), uint64(1_700_000_000_123)},
		{"sequence", binary.BigEndian.Uint64(b[48:]), uint64(7)},
		{"flags", binary.BigEndian.Uint64(b[56:]), uint64(1)},
		{"low half of the id", b[64], byte(0x88)},
		{"high half of the id", b[72], byte(0x00)},
		{"payload type", binary.BigEndian.Uint32(b[112:]), uint32(1)},
		{"payload length", binary.BigEndian.Uint32(b[116:]), uint32(5)},
		{"payload", string(b[120:]), "hello"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v, want %v", c.what, c.got, c.want)
		}
	}
	back, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Encode(), b) {
		t.Errorf("read back: %+v", back)
	}
}

func TestADamagedMessageIsRefused(t *testing.T) {
	for what, damage := range map[string]func(b []byte) []byte{
		"cut off in its header":          func(b []byte) []byte { return b[:60] },
		"cut off in its payload":         func(b []byte) []byte { return b[:len(b)-1] },
		"longer than it says":            func(b []byte) []byte { return append(b, 'x') },
		"with another payload":           func(b []byte) []byte { b[121] ^= 1; return b },
		"with a header of no length":     func(b []byte) []byte { binary.BigEndian.PutUint32(b, 0); return b },
		"with a header longer than all":  func(b []byte) []byte { binary.BigEndian.PutUint32(b, 1<<31); return b },
		"with a payload longer than all": func(b []byte) []byte { binary.BigEndian.PutUint32(b[116:], 1<<31); return b },
	} {
		if m, err := Decode(damage(example().Encode())); err == nil {
			t.Errorf("a message %s is read as %+v", what, m)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(example().Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Decode(m.Encode())
		if err != nil || again.Sequence != m.Sequence || !bytes.Equal(again.Payload, m.Payload) {
			t.Errorf("%+v is read back as %+v, %v", m, again, err)
		}
	})
}
