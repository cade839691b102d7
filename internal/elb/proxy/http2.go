package proxy

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// maxStreams is how many requests an Application Load Balancer takes at once of a connection that speaks HTTP/2.
const maxStreams = 128

// newHTTP2 makes the server of connections that speak HTTP/2. They are handed to it when they have shaken hands.
func (p *Proxy) newHTTP2() *http.Server {
	p.handed = &queue{conns: make(chan net.Conn), done: make(chan struct{})}
	idle := p.setup.Load().idle
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
	return s
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
	select {
	case c.proxy.handed.conns <- conn:
		<-c.over
	case <-c.proxy.handed.done:
	}
}
