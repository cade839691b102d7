package carrier

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/hashicorp/yamux"
)

// Inlet is an agent's end, for as long as it is attached.
type Inlet struct{ session *yamux.Session }

// Handler is told of what comes out of a namespace. Each function has a goroutine of its own; nil refuses.
type Handler struct {
	Conn     func(Offer)                  // a connection to Config.Listen
	DNS      func(Offer)                  // a TCP connection to Config.Resolver
	Question func(question []byte) []byte // a DNS question that came by UDP; nil answers nothing
	Visit    func(Visit)                  // a connection to an address that Bind listens on
}

// Offer is a connection that waits to be taken. One that is not stays with the Outlet, which offers it again.
type Offer struct{ stream *yamux.Stream }

// Take returns the connection. An error says that it could not be taken any more.
func (o Offer) Take() (net.Conn, error) {
	if _, err := o.stream.Write([]byte{taken}); err != nil {
		return nil, err
	}
	return conn{o.stream}, nil
}

// Leave gives it back.
func (o Offer) Leave() { conn{o.stream}.Close() }

// Attach begins a session over a pause program's input and output, and closes them in the end.
func Attach(in io.WriteCloser, out io.Reader) (*Inlet, error) {
	r := bufio.NewReaderSize(out, maxFrame)
	if err := greet(in, r); err != nil {
		return nil, err
	}
	f := newFramed(func(frame []byte) error {
		_, err := in.Write(frame)
		return err
	}, in.Close)
	session, err := yamux.Client(f, settings())
	if err != nil {
		return nil, err
	}
	go func() {
		defer session.Close()
		for buf := []byte(nil); ; {
			kind, payload, err := readFrame(r, &buf)
			if err != nil || kind != data {
				return
			}
			if _, err := f.w.Write(payload); err != nil {
				return
			}
		}
	}()
	return &Inlet{session}, nil
}

// Close ends the session. What is carried breaks off.
func (i *Inlet) Close() error { return i.session.Close() }

// Serve hands what comes out of the namespace to h until the session ends.
func (i *Inlet) Serve(h Handler) error {
	for {
		stream, err := i.session.AcceptStream()
		if err != nil {
			return err
		}
		go h.serve(stream)
	}
}

func (h Handler) serve(stream *yamux.Stream) {
	var what [1]byte
	_, err := io.ReadFull(stream, what[:])
	switch {
	case err == nil && what[0] == streamConn && h.Conn != nil:
		h.Conn(Offer{stream})
	case err == nil && what[0] == streamTCP && h.DNS != nil:
		h.DNS(Offer{stream})
	case err == nil && what[0] == streamVisit && h.Visit != nil:
		v, err := visit(stream)
		if err != nil {
			conn{stream}.Close()
			return
		}
		h.Visit(v)
	case err == nil && what[0] == streamUDP && h.Question != nil:
		if question, err := readText(stream); err == nil {
			if answer := h.Question(question); answer != nil {
				_ = writeText(stream, answer)
			}
		}
		fallthrough
	default:
		conn{stream}.Close()
	}
}

// Listen has connections taken until stop is called or the session ends, and returns the address where.
func (i *Inlet) Listen() (address string, stop func() error, err error) {
	stream, err := i.open(streamListen)
	if err != nil {
		return "", nil, err
	}
	text, err := readText(stream)
	if err != nil {
		stream.Close()
		return "", nil, err
	}
	return string(text), stream.Close, nil
}

// Dial connects to a TCP address as seen from inside the namespace.
func (i *Inlet) Dial(ctx context.Context, address string) (net.Conn, error) {
	stream, err := i.begin(ctx, streamDial, address)
	if err != nil {
		return nil, err
	}
	return conn{stream}, nil
}

// begin opens a stream, says what it is about, and reads the answer.
func (i *Inlet) begin(ctx context.Context, what byte, about ...string) (*yamux.Stream, error) {
	stream, err := i.open(what)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for _, text := range about {
		if err == nil {
			err = writeText(stream, []byte(text))
		}
	}
	var refusal []byte
	if err == nil {
		refusal, err = readText(stream)
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err == nil && len(refusal) > 0:
		err = errors.New(string(refusal))
	}
	if err != nil {
		conn{stream}.Close()
		return nil, err
	}
	return stream, nil
}

func (i *Inlet) open(what byte) (*yamux.Stream, error) {
	stream, err := i.session.OpenStream()
	if err != nil {
		return nil, err
	}
	if _, err := stream.Write([]byte{what}); err != nil {
		stream.Close()
		return nil, err
	}
	return stream, nil
}

// conn is a stream as a connection whose two directions can be ended apart from each other.
type conn struct{ *yamux.Stream }

// CloseWrite ends what the other end reads.
func (c conn) CloseWrite() error { return c.Stream.Close() }

// leftover bounds how long what still comes on a closed connection is taken and dropped.
const leftover = time.Minute

// Close ends both directions.
func (c conn) Close() error {
	err := c.Stream.Close()
	_ = c.SetDeadline(time.Now().Add(leftover))
	go io.Copy(io.Discard, c.Stream)
	return err
}
