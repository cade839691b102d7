package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// TestWhatALoadBalancerAnswersItself sends a request as it is and compares the first line of what comes back.
func TestWhatALoadBalancerAnswersItself(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.listener.Rules = []balancer.Rule{
			{Conditions: []balancer.Condition{{Field: "path-pattern", Values: []string{"/none"}}}, Action: forwardTo("nobody").Action},
			{Conditions: []balancer.Condition{{Field: "path-pattern", Values: []string{"/h2"}}}, Action: forwardTo("h2").Action},
			{Conditions: []balancer.Condition{{Field: "path-pattern", Values: []string{"/teapot"}}},
				Action: balancer.Action{Fixed: &balancer.Fixed{Status: 418, ContentType: "text/plain", Body: "short and stout"}}},
			{Action: balancer.Action{Fixed: &balancer.Fixed{Status: 200}}},
		}
	})
	w.group("h2", func(g *balancer.Group) { g.Version = balancer.HTTP2 })
	cases := map[string]struct{ send, first string }{
		"a group without targets":           {"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "503 Service Temporarily Unavailable"},
		"HTTP/1.1 for a group of HTTP/2":    {"GET /h2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "464 Unsupported Protocol"},
		"a fixed response":                  {"GET /teapot HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "418 I'm a teapot"},
		"no host":                           {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
		"no host in HTTP/1.0":               {"GET / HTTP/1.0\r\n\r\n", "200 OK"},
		"two hosts":                         {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request"},
		"a host that is none":               {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 Bad Request"},
		"TRACE":                             {"TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "405 Method Not Allowed"},
		"CONNECT":                           {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"},
		"HTTP/2 without TLS":                {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported"},
		"TLS at a port for HTTP":            {"\x16\x03\x01\x02\x00", "400 Bad Request"},
		"a space before the colon":          {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", "400 Bad Request"},
		"a folded line":                     {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", "400 Bad Request"},
		"two lengths":                       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400 Bad Request"},
		"a list of lengths":                 {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", "400 Bad Request"},
		"a negative length":                 {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n", "400 Bad Request"},
		"a signed length":                   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", "400 Bad Request"},
		"an unknown coding":                 {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501 Not Implemented"},
		"chunked twice":                     {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request"},
		"a carriage return within a value":  {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n", "400 Bad Request"},
		"a null within a value":             {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\x002\r\n\r\n", "400 Bad Request"},
		"a space within the target":         {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"},
		"a request line that is too long":   {"GET /" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", "414 Request-URI Too Large"},
		"one without an end":                {"GET /" + strings.Repeat("a", 20<<10), "414 Request-URI Too Large"},
		"a field that is too long":          {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 17<<10) + "\r\n\r\n", "400 Bad Request"},
		"a head that is too long":           {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("a", 1000)+"\r\n", 70), "400 Bad Request"},
		"a head of many fields":             {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X:\r\n", 2000) + "\r\n", "400 Bad Request"},
		"a connection of many options":      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: " + strings.Repeat("a,", 100) + "close\r\n\r\n", "400 Bad Request"},
		"more forwarders than 30":           {"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + strings.Repeat("1.1.1.1, ", 30) + "1.1.1.1\r\nConnection: close\r\n\r\n", "463 Bad Request"},
		"lines that end with LF":            {"GET / HTTP/1.1\nHost: a\nConnection: close\n\n", "200 OK"},
		"empty lines before the request":    {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "200 OK"},
		"an absolute target":                {"GET http://b/teapot HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "418 I'm a teapot"},
		"* of the whole server":             {"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "200 OK"},
		"a target that is no path":          {"GET teapot HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"},
		"a path that hides from its rule":   {"GET /x/%2e%2e/%74eapot HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "418 I'm a teapot"},
		"a version of another major number": {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported"},
		"no version":                        {"GET /\r\n\r\n", "400 Bad Request"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			first, _, _ := strings.Cut(w.say(c.send), "\r\n")
			if first != "HTTP/1.1 "+c.first {
				t.Errorf("answered %q, want %q", first, c.first)
			}
		})
	}
}

func TestAnAnswerOfTheLoadBalancersOwnLooksAsAWSs(t *testing.T) {
	w := newWorld(t, nil)
	got := w.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	head, body, _ := strings.Cut(got, "\r\n\r\n")
	for _, line := range []string{"Server: awselb/2.0", "Content-Type: text/html", "Content-Length: 162", "Connection: close"} {
		if !strings.Contains(head, "\r\n"+line) {
			t.Errorf("%q lacks %q", head, line)
		}
	}
	if !strings.Contains(body, "<center><h1>503 Service Temporarily Unavailable</h1></center>") {
		t.Errorf("body is %q", body)
	}
}

// TestTheTargetSeesARequestWrittenAnew compares what a target is sent, whole.
func TestTheTargetSeesARequestWrittenAnew(t *testing.T) {
	seen := make(chan string, 1)
	w := newWorld(t, nil)
	w.targets("web", raw(t, func(c net.Conn, r *bufio.Reader) {
		head, err := readHead(r)
		if err != nil {
			return
		}
		seen <- head
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}))
	w.say("GET http://real/p?q HTTP/1.1\r\nHost: fake\r\nConnection: X-Mine, close\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: gzip\r\n" +
		"X-Forwarded-For: 9.9.9.9\r\nx-forwarded-for: 8.8.8.8\r\nX-Forwarded-Proto: https\r\nX-Amzn-Mtls-Clientcert-Subject: CN=root\r\n" +
		"X-Amzn-Trace-Id: Self=1-2-3;Root=1-67891233-abcdef012345678912345678;a=b\r\nCookie: a=b\r\n\r\n")
	head := <-seen
	port := w.addr[strings.LastIndexByte(w.addr, ':')+1:]
	lines := strings.Split(head, "\r\n")
	want := []string{"GET /p?q HTTP/1.1", "X-Forwarded-For: 9.9.9.9, 8.8.8.8, 127.0.0.1", "X-Forwarded-Proto: http",
		"X-Forwarded-Port: " + port, "Host: real", "X-Amzn-Trace-Id: Self=", "Cookie: a=b", "", ""}
	if len(lines) != len(want) {
		t.Fatalf("the target saw %q", lines)
	}
	for i := range want {
		if lines[i] != want[i] && i != 5 {
			t.Errorf("line %d is %q, want %q", i, lines[i], want[i])
		}
	}
	if !strings.HasSuffix(lines[5], ";Root=1-67891233-abcdef012345678912345678;a=b") || strings.Count(lines[5], "Self=") != 1 {
		t.Errorf("traced as %q", lines[5])
	}
}

func TestRequestsInAPipelineAreAnsweredInTurn(t *testing.T) {
	w := newWorld(t, nil)
	w.targets("web", serve(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(rw, "<%s %s>", r.URL.Path, body)
	}))
	got := w.say("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"3\r\ndef\r\n2;x=y\r\ngh\r\n0\r\nT: 1\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	for _, part := range []string{"</1 abc>", "</2 defgh>", "</3 >"} {
		before, after, ok := strings.Cut(got, part)
		if !ok {
			t.Fatalf("no %s in %q", part, got)
		}
		_, got = before, after
	}
}

// TestNothingFollowsARequestThatOthersMayReadInAnotherWay has what may be read as a second request behind a first.
func TestNothingFollowsARequestThatOthersMayReadInAnotherWay(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.listener.Rules = []balancer.Rule{{Action: balancer.Action{Fixed: &balancer.Fixed{Status: 200}}}}
	})
	for name, head := range map[string]string{
		"a disguised field":     "Transfer_Encoding: chunked\r\nContent-Length: 2\r\n\r\nab",
		"a length twice":        "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
		"a length and chunks":   "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a coding that is none": "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nab",
	} {
		got := w.say("POST / HTTP/1.1\r\nHost: a\r\n" + head + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if strings.Count(got, "HTTP/1.1 200 OK") != 1 || !strings.Contains(got, "Connection: close") {
			t.Errorf("%s: answered %q", name, got)
		}
	}
}
