package proxy

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// TestAnswersOfTargets sends a request to a target that answers as told, and compares what the client gets without Date.
func TestAnswersOfTargets(t *testing.T) {
	get := "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for name, c := range map[string]struct{ send, target, want string }{
		"of a length":                {get, "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"},
		"in chunks with trailers":    {get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n"},
		"until the target closes":    {get, "HTTP/1.0 200 OK\n\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
		"chunks for HTTP/1.0":        {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"},
		"to HEAD":                    {"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"},
		"304 with a length":          {get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"},
		"204":                        {get, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"},
		"hints before":               {get, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		"fields of one connection":   {get, "HTTP/1.1 200 OK\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		"both length and chunks":     {get, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
		"a body that is cut short":   {get, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nok"},
		"chunks that are cut short":  {get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n"},
		"an upgrade nobody asked":    {get, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 502"},
		"two lengths":                {get, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 502"},
		"no HTTP":                    {get, "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 502"},
		"nothing":                    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\na", "", "HTTP/1.1 502"},
		"half a head":                {get, "HTTP/1.1 200 OK\r\nX", "HTTP/1.1 502"},
		"a head that is too large":   {get, "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("a", 1000)+"\r\n", 40) + "\r\n", "HTTP/1.1 502"},
		"an early answer to a large": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc", "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.targets("web", raw(t, func(conn net.Conn, r *bufio.Reader) {
				if _, err := readHead(r); err == nil {
					_, _ = io.WriteString(conn, c.target)
				}
			}))
			got := w.say(c.send)
			if i := strings.Index(got, "Date: "); i >= 0 {
				got = got[:i] + got[i+len("Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n"):]
			}
			if c.want[len(c.want)-1] != '\n' && !strings.HasSuffix(c.want, "ok") {
				got = got[:min(len(got), len(c.want))]
			}
			if got != c.want {
				t.Errorf("the client got\n%q, want\n%q", got, c.want)
			}
		})
	}
}

func TestLargeBodiesArriveWholeInBothDirections(t *testing.T) {
	content := make([]byte, 5<<20)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	w := newWorld(t, nil)
	w.targets("web", serve(t, func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if got := fmt.Sprintf("%x", sha256.Sum256(body)); err != nil || got != sum {
			t.Errorf("the target read %d bytes, %v", len(body), err)
		}
		if r.Header.Get("X-Length") != "" {
			rw.Header().Set("Content-Length", fmt.Sprint(len(body)))
		}
		_, _ = rw.Write(body)
	}))
	for _, length := range []bool{true, false} {
		for _, told := range []string{"", "1"} {
			var body io.Reader = strings.NewReader(string(content))
			if !length {
				body = io.MultiReader(body)
			}
			request, _ := http.NewRequest("POST", "http://"+w.addr, body)
			request.Header.Set("X-Length", told)
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			back, err := io.ReadAll(answer.Body)
			if got := fmt.Sprintf("%x", sha256.Sum256(back)); err != nil || got != sum {
				t.Errorf("%d bytes came back, %v", len(back), err)
			}
		}
	}
}

func TestAClientThatWaitsForContinueGetsIt(t *testing.T) {
	w := newWorld(t, nil)
	w.targets("web", serve(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(rw, "%s!", body)
	}))
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if head, err := readHead(r); err != nil || head != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Fatalf("%q, %v", head, err)
	}
	fmt.Fprint(c, "hello")
	head, _ := readHead(r)
	body := make([]byte, 6)
	if _, err := io.ReadFull(r, body); err != nil || string(body) != "hello!" {
		t.Errorf("%q %q, %v", head, body, err)
	}
}

// TestARequestIsRepeatedOnlyWhenItMayBe has a target close a connection on which it has answered before as soon as the next
// request comes.
func TestARequestIsRepeatedOnlyWhenItMayBe(t *testing.T) {
	for method, want := range map[string]string{"GET": "200", "POST": "502"} {
		t.Run(method, func(t *testing.T) {
			var requests atomic.Int32
			w := newWorld(t, nil)
			w.targets("web", raw(t, func(c net.Conn, r *bufio.Reader) {
				for first := true; ; first = false {
					if _, err := readHead(r); err != nil || !first {
						return
					}
					requests.Add(1)
					fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}))
			text := method + " / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
			if method == "GET" {
				text = "GET / HTTP/1.1\r\nHost: a\r\n"
			}
			got := w.say(text + "\r\n" + text + "Connection: close\r\n\r\n")
			if answers := strings.Split(got, "HTTP/1.1 "); len(answers) != 3 || !strings.HasPrefix(answers[2], want) {
				t.Errorf("answered %q, want %s to the second", got, want)
			}
		})
	}
}

func TestATargetLearnsThatTheClientHasGone(t *testing.T) {
	for name, change := range map[string]func(*world){"HTTP": nil, "HTTPS": encrypted(t, certificate(t, "a.test"))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := make(chan error, 1)
			w := newWorld(t, change)
			w.targets("web", raw(t, func(c net.Conn, r *bufio.Reader) {
				_, _ = readHead(r)
				_, err := r.ReadByte()
				left <- err
			}))
			c, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			if change != nil {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
			}
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			c.Close()
			select {
			case err := <-left:
				if err != io.EOF {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Error("the target still works for a client that has gone")
			}
		})
	}
}

func TestAnAmbiguousRequestIsServedOnConnectionsThatAreNotUsedAgain(t *testing.T) {
	var connections atomic.Int32
	w := newWorld(t, nil)
	w.targets("web", raw(t, func(c net.Conn, r *bufio.Reader) {
		connections.Add(1)
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			if strings.Contains(head, "Content-Length") || !strings.Contains(head, "Transfer-Encoding: chunked") {
				t.Errorf("the target saw %q", head)
			}
			_, _ = io.ReadFull(r, make([]byte, len("0\r\n\r\n")))
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}))
	smuggled := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /secret HTTP/1.1\r\nHost: a\r\n\r\n"
	for range 2 {
		if got := w.say(smuggled); strings.Count(got, "HTTP/1.1 ") != 1 || !strings.Contains(got, "\r\nConnection: close\r\n") {
			t.Errorf("the client got %q", got)
		}
	}
	if connections.Load() != 2 {
		t.Errorf("the target saw %d connections", connections.Load())
	}
	strict := newWorld(t, func(w *world) { w.balancer.HTTP.DesyncMode = "strictest" })
	if got := strict.say(smuggled); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("strictest answered %q", got)
	}
}

func TestASpeakingIdleTargetIsNotBelieved(t *testing.T) {
	w := newWorld(t, nil)
	var said atomic.Int32
	w.targets("web", raw(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", said.Add(1))
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
		_, _ = io.Copy(io.Discard, r)
	}))
	for i := 1; i < 4; i++ {
		answer, err := http.Get("http://" + w.addr)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(answer.Body); string(body) != fmt.Sprint(i) {
			t.Errorf("request %d was answered %q", i, body)
		}
	}
}

func TestSettingsOfTheHeaders(t *testing.T) {
	seen := make(chan http.Header, 1)
	w := newWorld(t, func(w *world) {
		w.balancer.HTTP.DropInvalidHeaders, w.balancer.HTTP.ForwardedFor = true, "preserve"
		w.listener.Headers = map[string]string{"Strict-Transport-Security": "max-age=1", "Server": ""}
	})
	w.targets("web", serve(t, func(rw http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		rw.Header().Set("Server", "secret")
		rw.Header().Set("strict-transport-security", "max-age=2")
	}))
	request, _ := http.NewRequest("GET", "http://"+w.addr, nil)
	request.Header.Set("X_forwarded_for", "1")
	request.Header.Set("X-Forwarded-For", "1.2.3.4")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	h := <-seen
	if h.Get("X_forwarded_for") != "" || h.Get("X-Forwarded-For") != "1.2.3.4" {
		t.Errorf("the target saw %v", h)
	}
	if got := answer.Header["Strict-Transport-Security"]; len(got) != 1 || got[0] != "max-age=1" || answer.Header.Get("Server") != "" {
		t.Errorf("the client got %v", answer.Header)
	}
	w.balancer.HTTP = balancer.HTTPSettings{ForwardedFor: "remove"}
	if err := w.proxy.Update(&w.balancer, &w.listener); err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(request); err != nil {
		t.Fatal(err)
	}
	if h := <-seen; h.Get("X-Forwarded-For") != "" {
		t.Errorf("X-Forwarded-For was not removed: %v", h)
	}
}
