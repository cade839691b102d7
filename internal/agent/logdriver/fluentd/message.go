package fluentd

import (
	"encoding/binary"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// forward is a batch in the protocol's forward mode: [tag, [[time, record], ...], {"chunk": ...}].
func (s *sink) forward(b logdriver.Batch, chunk string) []byte {
	size := uint32(2)
	if chunk != "" {
		size = 3
	}
	m := msgp.AppendArrayHeader(make([]byte, 0, 64<<10), size)
	m = msgp.AppendString(m, s.tag)
	m = msgp.AppendArrayHeader(m, uint32(len(b.Events)))
	for _, e := range b.Events {
		m = msgp.AppendArrayHeader(m, 2)
		m = s.appendTime(m, e.Time)
		m = msgp.AppendMapHeader(m, uint32(len(s.fields)+2))
		for name, value := range s.fields {
			m = msgp.AppendString(msgp.AppendString(m, name), value)
		}
		m = msgp.AppendString(msgp.AppendString(m, "source"), e.Stream.String())
		m = msgp.AppendString(msgp.AppendString(m, "log"), e.Text)
	}
	if chunk != "" {
		m = msgp.AppendMapHeader(m, 1)
		m = msgp.AppendString(msgp.AppendString(m, "chunk"), chunk)
	}
	return m
}

// appendTime appends a time: whole seconds, or the protocol's EventTime, an extension of type 0 with seconds and nanoseconds.
func (s *sink) appendTime(m []byte, t time.Time) []byte {
	if !s.subSecond {
		return msgp.AppendInt64(m, t.Unix())
	}
	m = append(m, 0xd7, 0) // fixext 8, type 0
	m = binary.BigEndian.AppendUint32(m, uint32(t.Unix()))
	return binary.BigEndian.AppendUint32(m, uint32(t.Nanosecond()))
}
