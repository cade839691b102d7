package ssm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/execstream"
	"github.com/berth-dev/berth/internal/ssm/datachannel"
)

// agentVersion is the SSM agent as which sessions introduce themselves: one whose sessions of connections are multiplexed
// by smux without keep-alives.
const agentVersion = "3.3.0.0"

// handshakeTime bounds the handshake.
const handshakeTime = 30 * time.Second

// handshake tells the client what the session is.
func (e *session) handshake() (r datachannel.Response, err error) {
	ctx, cancel := context.WithTimeout(e.life, handshakeTime)
	defer cancel()
	began := time.Now()
	parameters := datachannel.SessionTypeParameters{SessionType: datachannel.InteractiveCommands, Properties: struct{}{}}
	if p := e.request.Port; len(e.request.Command) == 0 {
		parameters.SessionType = datachannel.Port
		properties := datachannel.PortProperties{PortNumber: strconv.Itoa(int(p.Number)), Host: p.Host, Type: "LocalPortForwarding"}
		if p.Local != 0 {
			properties.LocalPortNumber = strconv.Itoa(int(p.Local))
		}
		parameters.Properties = properties
	}
	action := datachannel.Action{Type: "SessionType"}
	if action.Parameters, err = json.Marshal(parameters); err != nil {
		return r, err
	}
	if err := e.sendValue(ctx, datachannel.HandshakeRequest, datachannel.Request{AgentVersion: agentVersion, Actions: []datachannel.Action{action}}); err != nil {
		return r, err
	}
	for {
		p, err := e.stream.Receive(ctx)
		if err != nil {
			return r, err
		}
		if p.Type != datachannel.HandshakeResponse {
			continue // a size, which is told again when it changes
		}
		if err := json.Unmarshal(p.Data, &r); err != nil {
			return r, fmt.Errorf("the client's handshake: %w", err)
		}
		break
	}
	for _, a := range r.Processed {
		if a.Status != datachannel.Succeeded {
			return r, fmt.Errorf("the client can't do what the session needs: %s: %s", a.Type, a.Error)
		}
	}
	return r, e.sendValue(ctx, datachannel.HandshakeComplete, datachannel.Complete{HandshakeTimeToComplete: time.Since(began).Nanoseconds()})
}

func (e *session) sendValue(ctx context.Context, t datachannel.PayloadType, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return e.stream.Send(ctx, t, body)
}

// firstSize is the terminal's until the client has told it.
var firstSize = execstream.Size{Width: 80, Height: 24}

// carry carries between the two sides until the agent says that it has ended, or the session is to end.
func (e *session) carry() (end execstream.End, err error) {
	if err := e.agent.SendValue(e.life, execstream.Start, firstSize); err != nil {
		return end, fmt.Errorf("%w: %w", ErrNotConnected, err)
	}
	ctx, cancel := context.WithCancel(e.life)
	typing := make(chan struct{})
	go func() {
		defer close(typing)
		if err := e.carryInput(ctx); err != nil && ctx.Err() == nil {
			e.finish(err)
		}
	}()
	defer func() { cancel(); <-typing }()
	log := e.record()
	defer log.close()
	for {
		kind, body, err := e.agent.Receive(e.life)
		switch {
		case e.life.Err() != nil:
			return end, context.Cause(e.life)
		case err != nil:
			return execstream.End{Error: "The connection to the container's machine was lost."}, fmt.Errorf("%w: %w", ErrNotConnected, err)
		}
		switch kind {
		case execstream.Stdout, execstream.Stderr:
			log.write(body)
			if err := e.sendData(e.life, body); err != nil {
				return end, err
			}
		case execstream.Ended:
			return execstream.Value[execstream.End](body)
		}
	}
}

// sendData sends output, in as many messages as it takes.
func (e *session) sendData(ctx context.Context, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), datachannel.Chunk)
		if err := e.stream.Send(ctx, datachannel.Data, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// carryInput carries what the client says to the agent.
func (e *session) carryInput(ctx context.Context) error {
	for {
		p, err := e.stream.Receive(ctx)
		if err != nil {
			return err
		}
		switch p.Type {
		case datachannel.Data:
			err = e.agent.Send(ctx, execstream.Stdin, p.Data)
		case datachannel.Size:
			var size datachannel.WindowSize
			if json.Unmarshal(p.Data, &size) == nil && size.Cols > 0 && size.Rows > 0 {
				err = e.agent.SendValue(ctx, execstream.Resize, execstream.Size{Width: bounded(size.Cols), Height: bounded(size.Rows)})
			}
		case datachannel.Flag:
			if f, _ := datachannel.ReadFlag(p.Data); f == datachannel.TerminateSession {
				return errTerminated
			}
		}
		if err != nil {
			return err
		}
	}
}

func bounded(n uint32) uint16 { return uint16(min(n, 1<<16-1)) }

// errEnded is the end of a session whose command has ended.
var errEnded = errors.New("the command has ended")

// drainTime bounds how long the client may take to take the last of the output.
const drainTime = 30 * time.Second

// OwnClient begins the version of clients of Berth's own, which want to know the exit code: the plugin would print it.
const OwnClient = "berth/"

// sayEnd tells the client the rest: all output has arrived when it returns without an error.
func (e *session) sayEnd(r datachannel.Response, end execstream.End) error {
	ctx, cancel := context.WithTimeout(e.life, drainTime)
	defer cancel()
	if strings.HasPrefix(r.ClientVersion, OwnClient) && end.Error == "" {
		if err := e.stream.Send(ctx, datachannel.ExitCode, strconv.AppendInt(nil, int64(end.ExitCode), 10)); err != nil {
			return err
		}
	}
	if err := e.stream.Drain(ctx); err != nil {
		return err
	}
	if end.Error != "" {
		return errors.New(end.Error)
	}
	return errEnded
}
