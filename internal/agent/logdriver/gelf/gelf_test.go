package gelf

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/logdriver/logdrivertest"
)

func shortMessage(text string) string {
	var m struct {
		Short string `json:"short_message"`
	}
	_ = json.Unmarshal([]byte(text), &m)
	return m.Short
}

func TestMessagesOverTCP(t *testing.T) {
	server := logdrivertest.Delimited(t, 0, shortMessage)
	server.Up()
	s := logdrivertest.Source("gelf", map[string]string{"gelf-address": "tcp://" + server.Address, "labels": "team", "tag": "x/{{.ImageID}}"})
	logdrivertest.Send(t, Driver{}, s, logdrivertest.Batch("one", "!two"))
	server.Until("both are there", func() bool { return len(server.Messages()) == 2 })
	var got map[string]any
	if err := json.Unmarshal([]byte(server.Messages()[0].Whole.(string)), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"version": "1.1", "short_message": "one", "level": 6.0, "timestamp": 1777863721.123, "_tag": "x/fedcba987654", "_team": "web",
		"_container_name": "ecs-app-1-web-0123", "_image_name": "busybox:1", "_command": "sh -c x", "_created": "2023-11-14T22:13:20Z",
		"_container_id": "0123456789abcdef0123456789abcdef", "_image_id": "sha256:fedcba9876543210"} {
		if got[name] != want {
			t.Errorf("%s is %v, not %v", name, got[name], want)
		}
	}
	if !strings.Contains(server.Messages()[1].Whole.(string), `"level":3`) {
		t.Errorf("what came from stderr is no error: %v", server.Messages()[1])
	}
}

// chunked puts the chunks of one message after the other together.
type chunked struct {
	t     *testing.T
	parts map[byte][]byte
}

func (c *chunked) take(datagram []byte) (string, bool) {
	if len(datagram) > chunkSize {
		c.t.Errorf("a datagram of %d bytes", len(datagram))
	}
	if datagram[0] != 0x1e || datagram[1] != 0x0f {
		return c.unpack(datagram), true
	}
	c.parts[datagram[10]] = datagram[chunkHeader:]
	count := datagram[11]
	if len(c.parts) < int(count) {
		return "", false
	}
	var all []byte
	for i := range count {
		all = append(all, c.parts[i]...)
	}
	c.parts = map[byte][]byte{}
	return c.unpack(all), true
}

func (c *chunked) unpack(message []byte) string {
	text, err := logdrivertest.Unpack(message)
	if err != nil {
		c.t.Error(err)
	}
	return text
}

func TestMessagesOverUDPAreCompressedAndCut(t *testing.T) {
	long := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 600)
	for _, kind := range []string{"", "gzip", "zlib", "none"} {
		c := &chunked{t, map[byte][]byte{}}
		server := logdrivertest.Datagrams(t, c.take, shortMessage)
		server.Up()
		options := map[string]string{"gelf-address": "udp://" + server.Address}
		if kind != "" {
			options["gelf-compression-type"] = kind
		}
		logdrivertest.Send(t, Driver{}, logdrivertest.Source("gelf", options), logdrivertest.Batch("short", long))
		server.Until("both are there", func() bool { return len(server.Messages()) == 2 })
		if lines := server.Lines(); lines[0] != "short" || lines[1] != long {
			t.Errorf("%s: %.100q", kind, lines)
		}
	}
	if _, err := chunks(make([]byte, 200<<10)); err == nil {
		t.Error("a message is cut into more chunks than there may be")
	}
}

func TestAMessageThatNeverFitsIsDropped(t *testing.T) {
	server := logdrivertest.Datagrams(t, func(b []byte) (string, bool) { return string(b), true }, shortMessage)
	server.Up()
	out, err := Driver{}.Open(logdrivertest.Source("gelf", map[string]string{"gelf-address": "udp://" + server.Address, "gelf-compression-type": "none"}))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	b := logdrivertest.Batch(strings.Repeat("\x01", maxEvent), "short") // each byte becomes six
	taken, err := out.Send(t.Context(), b)
	var refused *logdriver.Refused
	if taken != 1 || !errors.As(err, &refused) || refused.Events != 1 {
		t.Errorf("%d are taken, %v", taken, err)
	}
	if taken, err = out.Send(t.Context(), b.From(taken)); taken != 1 || err != nil {
		t.Errorf("the next: %d, %v", taken, err)
	}
}

func TestAServerOfUDPThatIsAwayHoldsNothingUp(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	out, err := Driver{}.Open(logdrivertest.Source("gelf", map[string]string{"gelf-address": "udp://" + l.LocalAddr().String()}))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for range 100 {
		if _, err := out.Send(t.Context(), logdrivertest.Batch("hello")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsWrongIsToldInDockersWords(t *testing.T) {
	for _, c := range []struct{ address, name, value, want string }{
		{"", "", "", "gelf-address is a required parameter"},
		{"http://h:1", "", "", "gelf: endpoint needs to be TCP or UDP"},
		{"udp://h", "", "", "gelf: please provide gelf-address as proto://host:port"},
		{"udp://h:1", "colour", "red", "unknown log opt 'colour' for gelf log driver"},
		{"tcp://h:1", "gelf-compression-type", "gzip", "compression is only supported on UDP"},
		{"tcp://h:1", "gelf-compression-level", "1", "compression is only supported on UDP"},
		{"udp://h:1", "gelf-compression-type", "lzma", `unknown value "lzma" for log opt "gelf-compression-type" for gelf log driver`},
		{"udp://h:1", "gelf-compression-level", "10", `unknown value "10" for log opt "gelf-compression-level" for gelf log driver`},
		{"udp://h:1", "gelf-tcp-max-reconnect", "1", `"gelf-tcp-max-reconnect" is only valid for TCP`},
		{"tcp://h:1", "gelf-tcp-reconnect-delay", "-1", `"gelf-tcp-reconnect-delay" must be a positive integer`},
	} {
		options := map[string]string{"gelf-address": c.address}
		if c.name != "" {
			options[c.name] = c.value
		}
		if err := (Driver{}).Prepare(t.Context(), logdrivertest.Source("gelf", options)); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v, want %s", options, err, c.want)
		}
	}
}
