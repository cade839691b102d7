package node

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

var loopbacks = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

// answering is a guest that goes by its name and answers each request with it.
func answering(name string) *guest {
	return &guest{
		answers: func(host string) int {
			if host == name {
				return byName
			}
			return 0
		},
		serve: func(conn net.Conn) {
			defer conn.Close()
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err != nil {
				return
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s%s", len(name)+len(r.URL.Path), name, r.URL.Path)
		},
	}
}

func share(t *testing.T, f *fronts, tls bool, port uint16, g *guest) (leave func()) {
	t.Helper()
	leave, err := f.share(tls, port, g, func(port uint16) string { return fmt.Sprint("port ", port) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(leave)
	return leave
}

// ask sends a request piece by piece and returns the answer's status and body.
func ask(t *testing.T, address string, pieces ...string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, piece := range pieces {
		if _, err := io.WriteString(conn, piece); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestListenersShareAPortByTheirHostNames(t *testing.T) {
	f, port := newFronts(loopbacks, nil), freePort(t)
	at := fmt.Sprintf("127.0.0.1:%d", port)
	leave := share(t, f, false, port, answering("one.test"))
	if _, body := ask(t, at, "GET /any HTTP/1.1\r\nHost: whoever\r\n\r\n"); body != "one.test/any" {
		t.Errorf("the only one answered %q", body)
	}
	share(t, f, false, port, answering("two.test"))
	for request, want := range map[string]string{
		"GET /a HTTP/1.1\r\nHost: one.test\r\n\r\n":                                         "one.test/a",
		"GET /b HTTP/1.1\r\nAccept: */*\r\nhOST:\t TWO.test.:8080 \r\n\r\n":                 "two.test/b",
		"GET /c HTTP/1.1\r\nX: 1\nHost: two.test\n\n":                                       "two.test/c",
		"GET /d HTTP/1.1\r\nX: " + strings.Repeat("x", 9000) + "\r\nHost: one.test\r\n\r\n": "one.test/d",
	} {
		if _, body := ask(t, at, request); body != want {
			t.Errorf("%.60q was answered %q, want %q", request, body, want)
		}
	}
	if _, body := ask(t, at, "GET /slow HTTP/1.1\r\nHo", "st: two", ".test\r\n\r\n"); body != "two.test/slow" {
		t.Errorf("in pieces: %q", body)
	}
	if _, body := ask(t, fmt.Sprintf("[::1]:%d", port), "GET /6 HTTP/1.1\r\nHost: two.test\r\n\r\n"); body != "two.test/6" {
		t.Errorf("by IPv6: %q", body)
	}
	for _, request := range []string{"GET / HTTP/1.1\r\nHost: three.test\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"} {
		if status, body := ask(t, at, request); status != http.StatusMisdirectedRequest || strings.Count(body, fmt.Sprint("port ", port)) != 2 {
			t.Errorf("a name that nobody has: %d %q", status, body)
		}
	}
	leave()
	if _, body := ask(t, at, "GET /any HTTP/1.1\r\nHost: one.test\r\n\r\n"); body != "two.test/any" {
		t.Errorf("the one that is left answered %q", body)
	}
}

func TestTheLastToLeaveAPortFreesIt(t *testing.T) {
	f, port := newFronts(loopbacks, nil), freePort(t)
	one, two := share(t, f, false, port, answering("one.test")), share(t, f, false, port, answering("two.test"))
	one()
	two()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	share(t, f, false, port, answering("three.test"))
	if _, body := ask(t, fmt.Sprintf("127.0.0.1:%d", port), "GET / HTTP/1.1\r\n\r\n"); body != "three.test/" {
		t.Errorf("afterwards: %q", body)
	}
}

func TestATakenPortIsTheNextOne(t *testing.T) {
	f := newFronts(loopbacks, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).AddrPort().Port()
	g := answering("one.test")
	share(t, f, false, taken, g)
	if g.url == fmt.Sprint("port ", taken) || !strings.HasPrefix(g.url, "port ") {
		t.Errorf("beside port %d it is at %q", taken, g.url)
	}
	port, listeners, packets, err := f.own("one", taken, true, true)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(listeners)
	defer closeAll(packets)
	if port <= taken || len(listeners) == 0 || len(packets) != len(listeners) {
		t.Errorf("beside port %d it has %d with %d listeners and %d sockets", taken, port, len(listeners), len(packets))
	}
}

func TestAPortThatWasLeftToATaskIsTakenWhenItIsFreeAgain(t *testing.T) {
	f, port := newFronts(loopbacks, nil), freePort(t)
	f.yield(port)
	own := func() uint16 {
		t.Helper()
		at, listeners, _, err := f.own("one", port, true, false)
		if err != nil {
			t.Fatal(err)
		}
		closeAll(listeners)
		f.disown("one")
		return at
	}
	if at := own(); at == port {
		t.Error("it is taken at once")
	}
	f.yielded[port] = time.Now().Add(-yielding)
	if at := own(); at != port {
		t.Errorf("later there is %d, not %d", at, port)
	}
}

func TestPortsThatAreTried(t *testing.T) {
	for wanted, want := range map[uint16][]uint16{80: {80, 8080, 8081}, 443: {443, 8443, 8444}, 3000: {3000, 3001, 3002}, 65535: {65535}} {
		var tried []uint16
		_, err := firstFree(wanted, 0, func(port uint16) error {
			tried = append(tried, port)
			if len(tried) < 3 {
				return syscall.EADDRINUSE
			}
			return nil
		})
		if fmt.Sprint(tried) != fmt.Sprint(want) || (err != nil) != (len(want) < 3) {
			t.Errorf("for %d: %v, %v; want %v", wanted, tried, err, want)
		}
	}
}

func TestAPortIsKeptForWhoHadItBefore(t *testing.T) {
	port := freePort(t)
	f := newFronts(loopbacks, map[string]uint16{"one": port, "two": port + 1, "gone": port + 2, "three": port + 3})
	var taken []io.Closer
	defer func() { closeAll(taken) }()
	own := func(name string) uint16 {
		t.Helper()
		at, listeners, _, err := f.own(name, port, true, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range listeners {
			taken = append(taken, l)
		}
		return at
	}
	if a, b, c := own("three"), own("two"), own("one"); a != port+3 || b != port+1 || c != port {
		t.Errorf("of %d they are at %d, %d and %d", port, a, b, c)
	}
	if at := own("new"); at != port+4 {
		t.Errorf("a new one has %d of another, from %d on", at, port)
	}
	if got := f.ports(); got["gone"] != port+2 || got["new"] != port+4 || got["one"] != port {
		t.Errorf("the next process is told %v", got)
	}
	f.disown("new")
	f.places.until = time.Time{}
	if at := own("late"); at != port+2 {
		t.Errorf("who has not come back keeps its port: a new one has %d, from %d on", at, port)
	}
	if got := f.ports(); len(got) != 4 || got["gone"] != 0 || got["new"] != 0 {
		t.Errorf("the next process is told %v", got)
	}
}

// certificate is one of its own issue.
func certificate(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	text, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{text}, PrivateKey: key, Leaf: leaf}
}

func TestEncryptedListenersShareAPortByServerName(t *testing.T) {
	f, port := newFronts(loopbacks, nil), freePort(t)
	for _, name := range []string{"one.test", "two.test"} {
		own, g := certificate(t, name), answering(name)
		plain := g.serve
		g.serve = func(conn net.Conn) { plain(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{own}})) }
		share(t, f, true, port, g)
	}
	dial := func(name string) (*tls.Conn, error) {
		return tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	}
	for _, name := range []string{"one.test", "Two.test"} {
		conn, err := dial(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := conn.ConnectionState().PeerCertificates[0].DNSNames[0]; got != strings.ToLower(name) {
			t.Errorf("%s got the certificate of %s", name, got)
		}
		conn.Close()
	}
	if conn, err := dial("three.test"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("a name that nobody has: %v, %v", conn, err)
	}
}

func FuzzHostOfRequest(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"))
	f.Add([]byte("GET / HTTP/1.1\nA: b\n\n"))
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		host, done := hostOfRequest(head)
		if !done && host != "" {
			t.Errorf("%q is not done and has %q", head, host)
		}
		withoutPort(host)
	})
}

func FuzzHostOfHandshake(f *testing.F) {
	f.Add([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 3})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if host, done := hostOfHandshake(head); !done && host != "" {
			t.Errorf("%x is not done and has %q", head, host)
		}
	})
}
