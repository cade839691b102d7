package carrier

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// Outlet is the end in the namespace. While no agent is attached, connections wait in the kernel or here; none is refused.
type Outlet struct {
	Listener net.Listener   // of Config.Listen; nil without
	DNS      net.Listener   // of Config.Resolver; nil without
	Packets  net.PacketConn // of Config.Resolver
	// Address gives the namespace a further address, or takes it off again. Nil: it takes none.
	Address func(a netip.Addr, add bool) error
	// Signs has load balancers found in the namespace, and no others. Nil: it finds none.
	Signs func([]Sign) error

	mu        sync.Mutex // guards what follows
	session   *yamux.Session
	listening *yamux.Session               // the session in which the agent listens
	changed   chan struct{}                // closed and replaced when they change
	stands    map[netip.Addr]*yamux.Stream // for which the namespace has further addresses
	writing   sync.Mutex                   // one frame at a time
}

// Run serves agents on a byte stream each way until the input ends.
func (o *Outlet) Run(in io.Reader, out io.Writer) error {
	o.changed = make(chan struct{})
	if o.Listener != nil {
		go o.accept(o.Listener, streamConn, func() *yamux.Session { return o.listening })
	}
	if o.DNS != nil {
		go o.accept(o.DNS, streamTCP, func() *yamux.Session { return o.session })
		go o.answerPackets()
	}
	r, buf := bufio.NewReaderSize(in, maxFrame), []byte(nil)
	var current *framed
	for {
		kind, payload, err := readFrame(r, &buf)
		if errors.Is(err, errFrame) {
			continue // not what an agent says; the next one greets
		}
		if err != nil {
			return err
		}
		switch {
		case kind == hello:
			if current != nil {
				current.Close()
			}
			current = o.begin(out, payload)
		case current != nil:
			if _, err := current.w.Write(payload); err != nil {
				current = nil // the session has ended
			}
		}
	}
}

// begin answers a greeting and serves the session that it begins.
func (o *Outlet) begin(out io.Writer, nonce []byte) *framed {
	var f *framed
	over := false // guarded by writing
	f = newFramed(func(frame []byte) error {
		o.writing.Lock()
		defer o.writing.Unlock()
		if over {
			return io.ErrClosedPipe
		}
		_, err := out.Write(frame)
		return err
	}, func() error {
		o.writing.Lock()
		defer o.writing.Unlock()
		over = true
		return nil
	})
	o.writing.Lock()
	_, err := out.Write(frame(hello, nonce))
	o.writing.Unlock()
	if err != nil {
		return nil
	}
	session, err := yamux.Server(f, settings())
	if err != nil {
		return nil
	}
	o.change(func() { o.session, o.listening = session, nil })
	go o.serve(session)
	return f
}

func (o *Outlet) change(do func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	do()
	close(o.changed)
	o.changed = make(chan struct{})
}

// serve does what an agent asks for.
func (o *Outlet) serve(session *yamux.Session) {
	defer o.change(func() {
		if o.session == session {
			o.session = nil
		}
		if o.listening == session {
			o.listening = nil
		}
	})
	for {
		stream, err := session.AcceptStream()
		if err != nil {
			return
		}
		go o.do(session, stream)
	}
}

func (o *Outlet) do(session *yamux.Session, stream *yamux.Stream) {
	var what [1]byte
	if _, err := io.ReadFull(stream, what[:]); err != nil {
		stream.Close()
		return
	}
	switch what[0] {
	case streamListen:
		defer stream.Close()
		address := ""
		if o.Listener != nil {
			address = o.Listener.Addr().String()
		}
		if writeText(stream, []byte(address)) != nil || o.Listener == nil {
			return
		}
		o.change(func() { o.listening = session })
		_, _ = io.Copy(io.Discard, stream) // until the agent listens no more
		o.change(func() {
			if o.listening == session {
				o.listening = nil
			}
		})
	case streamDial:
		dial(stream)
	default:
		if !o.balance(session, stream, what[0]) {
			stream.Close()
		}
	}
}

// dialTime bounds how long a connection inside a task's namespace may take.
const dialTime = 30 * time.Second

func dial(stream *yamux.Stream) {
	address, err := readText(stream)
	if err != nil {
		stream.Close()
		return
	}
	conn, err := net.DialTimeout("tcp", string(address), dialTime)
	if err != nil {
		_ = writeText(stream, []byte(err.Error()))
		stream.Close()
		return
	}
	if writeText(stream, nil) != nil {
		conn.Close()
		stream.Close()
		return
	}
	splice(conn, stream)
}

// accept offers each connection to the agent, or to the next one when it dies before it has taken it.
func (o *Outlet) accept(l net.Listener, kind byte, of func() *yamux.Session) {
	for {
		o.await(of, nil)
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of files: some will be closed
			continue
		}
		go o.offer(conn, kind, of)
	}
}

// await returns the session, once there is one and it is not the one that did not work.
func (o *Outlet) await(of func() *yamux.Session, but *yamux.Session) *yamux.Session {
	for {
		o.mu.Lock()
		session, changed := of(), o.changed
		o.mu.Unlock()
		if session != nil && session != but {
			return session
		}
		<-changed
	}
}

func (o *Outlet) offer(conn net.Conn, kind byte, of func() *yamux.Session) {
	var failed *yamux.Session
	for {
		session := o.await(of, failed)
		stream, err := session.OpenStream()
		if err == nil {
			var answer [1]byte
			if _, err = stream.Write([]byte{kind}); err == nil {
				_, err = io.ReadFull(stream, answer[:])
			}
			if err == nil && answer[0] == taken {
				splice(conn, stream)
				return
			}
			stream.Close()
		}
		if failed = nil; session.IsClosed() {
			failed = session
		} else {
			time.Sleep(10 * time.Millisecond) // the agent is about to listen no more
		}
	}
}

// maxQuestions bounds the questions under way.
const maxQuestions = 512

// answerPackets takes questions to the agent. One that finds none is lost, as packets are: it is asked again.
func (o *Outlet) answerPackets() {
	slots := make(chan struct{}, maxQuestions)
	buf := make([]byte, maxText)
	for {
		n, from, err := o.Packets.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		question := append([]byte(nil), buf[:n]...)
		select {
		case slots <- struct{}{}:
			go func() {
				defer func() { <-slots }()
				if answer, err := o.ask(question); err == nil {
					_, _ = o.Packets.WriteTo(answer, from)
				}
			}()
		default:
		}
	}
}

// questionTime is how long whoever asks may still be waiting.
const questionTime = 6 * time.Second

func (o *Outlet) ask(question []byte) ([]byte, error) {
	o.mu.Lock()
	session := o.session
	o.mu.Unlock()
	if session == nil {
		return nil, context.Canceled
	}
	stream, err := session.OpenStream()
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	_ = stream.SetDeadline(time.Now().Add(questionTime))
	if _, err := stream.Write([]byte{streamUDP}); err != nil {
		return nil, err
	}
	if err := writeText(stream, question); err != nil {
		return nil, err
	}
	return readText(stream)
}
