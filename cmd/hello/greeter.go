package main

import (
	"crypto/sha256"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// longest bounds /slow and /burn.
const longest = 5 * time.Minute

// greeter is the web server.
type greeter struct {
	who      identity
	out      io.Writer
	routes   *http.ServeMux
	requests atomic.Int64 // begun
	open     atomic.Int64 // begun and not ended
}

func newGreeter(who identity, out io.Writer) *greeter {
	g := &greeter{who: who, out: out, routes: http.NewServeMux()}
	g.routes.HandleFunc("/{$}", g.greet)
	g.routes.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	g.routes.HandleFunc("/slow", slow)
	g.routes.HandleFunc("/burn", burn)
	g.routes.HandleFunc("/env/{name}", env)
	return g
}

// ServeHTTP answers, counts and logs one request.
func (g *greeter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.requests.Add(1)
	g.open.Add(1)
	defer g.open.Add(-1)
	began := time.Now()
	answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	g.routes.ServeHTTP(answer, r)
	g.logf("%s %s %s %d %s", r.RemoteAddr, r.Method, strconv.QuoteToASCII(r.RequestURI), answer.status, time.Since(began).Round(time.Microsecond))
}

// logf writes one line in one write, so that lines of requests don't mix.
func (g *greeter) logf(format string, args ...any) {
	fmt.Fprintf(g.out, time.Now().UTC().Format("2006-01-02T15:04:05.000Z ")+format+"\n", args...)
}

const (
	pageTop = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Hello from Berth</title>
<style>body{font:16px/1.6 system-ui,sans-serif;margin:15vh auto;max-width:34em;padding:0 1em}td{padding:0 1em 0 0}td+td{font-family:monospace}</style>
</head><body><h1>Hello from Berth</h1><table>
`
	pageEnd = "</table></body></html>\n"
)

// greet says who answers: HTML to a browser, plain text to everybody else.
func (g *greeter) greet(w http.ResponseWriter, r *http.Request) {
	lines := [][2]string{
		{"task", g.who.task},
		{"container", g.who.container},
		{"address", localAddress(r)},
		{"requests", strconv.FormatInt(g.requests.Load(), 10)},
	}
	top, row, end := "Hello from Berth\n", "%s: %s\n", ""
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		top, row, end = pageTop, "<tr><td>%s</td><td>%s</td></tr>\n", pageEnd
	}
	io.WriteString(w, top)
	for _, line := range lines {
		fmt.Fprintf(w, row, html.EscapeString(line[0]), html.EscapeString(line[1]))
	}
	io.WriteString(w, end)
}

func localAddress(r *http.Request) string {
	if address, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return address.String()
	}
	return ""
}

func slow(w http.ResponseWriter, r *http.Request) {
	d, ok := milliseconds(w, r)
	if !ok {
		return
	}
	select {
	case <-time.After(d):
		fmt.Fprintf(w, "slept %s\n", d)
	case <-r.Context().Done():
	}
}

func burn(w http.ResponseWriter, r *http.Request) {
	d, ok := milliseconds(w, r)
	if !ok {
		return
	}
	rounds, sum := 0, sha256.Sum256(nil)
	for end := time.Now().Add(d); time.Now().Before(end) && r.Context().Err() == nil; rounds++ {
		for range 100 {
			sum = sha256.Sum256(sum[:])
		}
	}
	fmt.Fprintf(w, "burned %s: %d rounds\n", d, rounds)
}

func milliseconds(w http.ResponseWriter, r *http.Request) (time.Duration, bool) {
	ms, err := strconv.Atoi(r.FormValue("ms"))
	if err != nil || ms < 0 || time.Duration(ms) > longest/time.Millisecond {
		http.Error(w, fmt.Sprintf("ms must be a number from 0 to %d", longest/time.Millisecond), http.StatusBadRequest)
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

func env(w http.ResponseWriter, r *http.Request) {
	value, ok := os.LookupEnv(r.PathValue("name"))
	if !ok {
		http.Error(w, "not set", http.StatusNotFound)
		return
	}
	fmt.Fprintf(w, "%x\n", sha256.Sum256([]byte(value)))
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
