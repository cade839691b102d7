package proxy

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxStreams is how many requests an Application Load Balancer takes at once of a connection that speaks HTTP/2.
const maxStreams = 128

// speaker is a server of connections that speak HTTP/2. They are handed to it when they have shaken hands. It keeps to the idle
// timeout that it began with.
type speaker struct {
	server *http.Server
	handed *queue
	idle   time.Duration
	retire *time.Timer // nil while it is the current one
}

// speakers are the current one, and those before it whose connections have not all ended.
type speakers struct {
	now atomic.Pointer[speaker]

	mu     sync.Mutex
	before []*speaker
	ended  bool
}

// speak has connections that speak HTTP/2 be ended when they have been idle for so long. Those of the speaker before say
// goodbye with their next answer; those that have given none by then are idle for long enough to be closed.
func (p *Proxy) speak(idle time.Duration) {
	all := &p.http2
	all.mu.Lock()
	defer all.mu.Unlock()
	old := all.now.Load()
	if all.ended || old != nil && old.idle == idle {
		return
	}
	s := p.newSpeaker(idle)
	all.now.Store(s)
	p.work.Go(func() { _ = s.server.Serve(s.handed) })
	if old == nil {
		return
	}
	for _, s := range all.before {
		s.retire.Reset(idle)
	}
	all.before = append(all.before, old)
	old.retire = time.AfterFunc(idle, func() {
		atOnce, cancel := context.WithCancel(context.Background())
		cancel()
		_ = old.server.Shutdown(atOnce) // closes what is idle; the rest ends with its requests
		all.forget(old)
	})
}

func (all *speakers) forget(old *speaker) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.before = slices.DeleteFunc(all.before, func(s *speaker) bool { return s == old })
}

// shutdown lets requests end, until ctx does, and what is idle at once.
func (all *speakers) shutdown(ctx context.Context) {
	all.mu.Lock()
	all.ended = true
	every := append(slices.Clone(all.before), all.now.Load())
	all.mu.Unlock()
	var ending sync.WaitGroup
	for _, s := range every {
		if s.retire != nil {
			s.retire.Stop()
		}
		ending.Go(func() { _ = s.server.Shutdown(ctx) })
	}
	ending.Wait()
}

func (p *Proxy) newSpeaker(idle time.Duration) *speaker {
	s := &http.Server{
		Handler:        http.HandlerFunc(p.serveStream),
		MaxHeaderBytes: maxRequestHead,
		IdleTimeout:    idle,
		Protocols:      new(http.Protocols),
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: idle, PermitProhibitedCipherSuites: true},
		ErrorLog:       log.New(io.Discard, "", 0), // what clients do wrong
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			c, _ := p.speaking.Load(conn)
			return context.WithValue(ctx, clientKey{}, c)
		},
		ConnState: func(conn net.Conn, state http.ConnState) {
			if state == http.StateClosed || state == http.StateHijacked {
				if c, ok := p.speaking.LoadAndDelete(conn); ok {
					close(c.(*client).over)
				}
			}
		},
	}
	s.Protocols.SetHTTP2(true)
	return &speaker{server: s, handed: &queue{conns: make(chan net.Conn), done: make(chan struct{})}, idle: idle}
}

// clientKey is under which a request has its client's connection.
type clientKey struct{}

// serveHTTP2 hands the connection to the server for HTTP/2 and waits until it is closed.
func (c *client) serveHTTP2(conn net.Conn) {
	c.state.Store(busy) // the server says goodbye by itself
	c.over = make(chan struct{})
	c.proxy.speaking.Store(conn, c)
	lifetime := time.AfterFunc(c.proxy.setup.Load().lifetime, func() { c.old.Store(true) })
	defer lifetime.Stop()
	to := c.proxy.http2.now.Load()
	c.speaker.Store(to)
	select {
	case to.handed.conns <- conn:
		<-c.over
	case <-to.handed.done:
	}
}
