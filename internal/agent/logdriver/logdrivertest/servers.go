package logdrivertest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tinylib/msgp/msgp"
)

// streams serves the connections of a listener until it is closed.
type streams struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func serve(l net.Listener, one func(net.Conn)) *streams {
	s := &streams{Listener: l}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			go func() {
				defer conn.Close()
				one(conn)
			}()
		}
	}()
	return s
}

func (s *streams) Close() error {
	err := s.Listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		err = errors.Join(err, c.Close())
	}
	return err
}

func tcp(address string, one func(net.Conn)) (listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return serve(l, one), nil
}

// packets serves a socket of datagrams until it is closed.
type packets struct{ net.PacketConn }

func (p packets) Addr() net.Addr { return p.LocalAddr() }

func udp(address string, one func([]byte)) (listener, error) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, err
	}
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			one(bytes.Clone(buf[:n]))
		}
	}()
	return packets{conn}, nil
}

// Delimited is a server to which messages come over TCP, each with an end. line takes the line out of one.
func Delimited(t testing.TB, end byte, line func(message string) string) *Server {
	return newServer(t, func(s *Server, address string) (listener, error) {
		return tcp(address, func(conn net.Conn) {
			for in := bufio.NewReader(conn); ; {
				text, err := in.ReadString(end)
				if err != nil {
					return
				}
				text = text[:len(text)-1]
				s.got(Message{text, line(text)})
			}
		})
	})
}

// Datagrams is a server to which each message comes in a datagram of UDP. take puts a datagram's message together; it returns
// false while there is more to come.
func Datagrams(t testing.TB, take func(datagram []byte) (whole string, ok bool), line func(message string) string) *Server {
	return newServer(t, func(s *Server, address string) (listener, error) {
		return udp(address, func(datagram []byte) {
			if whole, ok := take(datagram); ok {
				s.got(Message{whole, line(whole)})
			}
		})
	})
}

// Unpack is what a GELF message was before it was compressed.
func Unpack(message []byte) (string, error) {
	var in io.Reader = bytes.NewReader(message)
	var err error
	switch {
	case bytes.HasPrefix(message, []byte{0x1f, 0x8b}):
		in, err = gzip.NewReader(in)
	case len(message) > 0 && message[0] == 0x78:
		in, err = zlib.NewReader(in)
	}
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(in)
	return string(text), err
}

// Forwarded is what a server of the forward protocol got.
type Forwarded struct {
	Tag    string
	Time   any // int64, or 8 bytes of an EventTime
	Record map[string]string
	Chunk  string
}

// Forward is a server of Fluentd's forward protocol over TCP, which acknowledges chunks.
func Forward(t testing.TB) *Server {
	return newServer(t, func(s *Server, address string) (listener, error) {
		return tcp(address, func(conn net.Conn) { _ = s.forward(conn) })
	})
}

// ForwardUnix serves the forward protocol on a listener, such as that of a socket in the file system, until it is closed.
func ForwardUnix(t testing.TB, l net.Listener) *Server {
	s := &Server{t: t, Address: l.Addr().String()}
	up := serve(l, func(conn net.Conn) { _ = s.forward(conn) })
	t.Cleanup(func() { up.Close() })
	return s
}

func (s *Server) forward(conn net.Conn) error {
	for in := msgp.NewReader(conn); ; {
		n, err := in.ReadArrayHeader()
		if err != nil {
			return err
		}
		tag, err := in.ReadString()
		if err != nil {
			return err
		}
		entries, err := in.ReadArrayHeader()
		if err != nil {
			return err
		}
		var all []Forwarded
		for range entries {
			if _, err := in.ReadArrayHeader(); err != nil {
				return err
			}
			f := Forwarded{Tag: tag, Record: map[string]string{}}
			if kind, _ := in.NextType(); kind == msgp.ExtensionType {
				raw := msgp.RawExtension{}
				if err := in.ReadExtension(&raw); err != nil {
					return err
				}
				f.Time = raw.Data
			} else if f.Time, err = in.ReadInt64(); err != nil {
				return err
			}
			if err := readMap(in, f.Record); err != nil {
				return err
			}
			all = append(all, f)
		}
		if n == 3 {
			option := map[string]string{}
			if err := readMap(in, option); err != nil {
				return err
			}
			answer := msgp.AppendMapHeader(nil, 1)
			answer = msgp.AppendString(msgp.AppendString(answer, "ack"), option["chunk"])
			if _, err := conn.Write(answer); err != nil {
				return err
			}
			for i := range all {
				all[i].Chunk = option["chunk"]
			}
		}
		for _, f := range all {
			s.got(Message{f, f.Record["log"]})
		}
	}
}

func readMap(in *msgp.Reader, to map[string]string) error {
	n, err := in.ReadMapHeader()
	for ; err == nil && n > 0; n-- {
		var name string
		if name, err = in.ReadString(); err == nil {
			to[name], err = in.ReadString()
		}
	}
	return err
}

// Collected is an event that a collector got.
type Collected struct {
	Event      jsontext.Value `json:"event"`
	Time       string         `json:"time"`
	Host       string         `json:"host"`
	Source     string         `json:"source"`
	SourceType string         `json:"sourcetype"`
	Index      string         `json:"index"`
	Token      string         `json:"-"`
}

// Collector is an HTTP Event Collector that knows the token "t".
func Collector(t testing.TB) *Server {
	return newServer(t, func(s *Server, address string) (listener, error) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, err
		}
		server := &http.Server{Handler: http.HandlerFunc(s.collect)}
		go server.Serve(l)
		return httpServer{server, l.Addr()}, nil
	})
}

type httpServer struct {
	*http.Server
	addr net.Addr
}

func (h httpServer) Addr() net.Addr { return h.addr }

func (s *Server) collect(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Splunk t" {
		http.Error(w, `{"text":"Invalid token","code":4}`, http.StatusForbidden)
		return
	}
	if r.Method == http.MethodOptions {
		return
	}
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		in, _ = gzip.NewReader(in)
	}
	var all []Message
	for dec := jsontext.NewDecoder(in); ; {
		var c Collected
		err := json.UnmarshalDecode(dec, &c)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			http.Error(w, `{"text":"Invalid data format","code":6}`, http.StatusBadRequest)
			return
		}
		var inline struct {
			Line jsontext.Value `json:"line"`
		}
		line := string(c.Event)
		if json.Unmarshal(c.Event, &inline) == nil {
			line = string(inline.Line)
		}
		if text, err := strconv.Unquote(line); err == nil {
			line = text
		}
		if strings.HasPrefix(line, "bad ") {
			http.Error(w, `{"text":"Invalid data format","code":6}`, http.StatusBadRequest)
			return
		}
		all = append(all, Message{c, line})
	}
	for _, m := range all {
		s.got(m)
	}
}
