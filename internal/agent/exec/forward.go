package exec

import (
	"cmp"
	"context"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/xtaci/smux"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/execstream"
)

// mostConnections bounds the connections of one session at a time.
const mostConnections = 512

// forward connects to a port as seen from the container for each connection that the client has, which smux carries side by
// side on the stream: the session-manager-plugin's way.
func (s *Server) forward(life context.Context, id string, m acs.BerthSessionMessage, stream execstream.Conn) error {
	ctx, cancel := context.WithCancel(life)
	config := smux.DefaultConfig()
	config.KeepAliveDisabled = true
	session, err := smux.Server(&carrier{ctx: life, stream: stream}, config)
	if err != nil {
		cancel()
		return err
	}
	defer context.AfterFunc(ctx, func() { session.Close() })()
	address := net.JoinHostPort(cmp.Or(m.Host, "127.0.0.1"), strconv.Itoa(int(m.Port)))
	var connections sync.WaitGroup
	defer connections.Wait()
	defer cancel()
	slots := make(chan struct{}, mostConnections)
	for {
		client, err := session.AcceptStream()
		if err != nil {
			return nil // the client has gone
		}
		select {
		case slots <- struct{}{}:
		case <-session.CloseChan():
			return nil
		}
		connections.Go(func() {
			defer func() { <-slots }()
			defer client.Close()
			server, err := s.Engine.Dial(ctx, id, m.ContainerName, address)
			if err != nil {
				s.Log.Info("a forwarded connection is refused", "session", m.SessionId, "task", m.TaskArn, "address", address, "error", err)
				return
			}
			defer server.Close()
			defer context.AfterFunc(ctx, func() { server.Close() })()
			join(client, server)
		})
	}
}

// lingering is how long a server may go on whose client has closed the connection: smux knows no half of it, so that nobody
// hears what it says.
const lingering = 10 * time.Second

// join carries between two connections until both have ended.
func join(client, server io.ReadWriteCloser) {
	var copying sync.WaitGroup
	copying.Go(func() {
		_, _ = io.Copy(server, client)
		if half, ok := server.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			time.AfterFunc(lingering, func() { server.Close() })
		} else {
			server.Close()
		}
	})
	_, _ = io.Copy(client, server)
	client.Close()
	copying.Wait()
}

// carrier is the stream as smux uses it.
type carrier struct {
	ctx    context.Context
	stream execstream.Conn
	rest   []byte // received and not read yet
}

func (c *carrier) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		kind, body, err := c.stream.Receive(c.ctx)
		if err != nil {
			return 0, io.EOF
		}
		if kind == execstream.Stdin {
			c.rest = body
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *carrier) Write(p []byte) (sent int, err error) {
	for sent < len(p) {
		n := min(len(p)-sent, execstream.MaxFrame/2)
		if err := c.stream.Send(c.ctx, execstream.Stdout, p[sent:sent+n]); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

func (c *carrier) Close() error { return nil } // the stream's end is Serve's
