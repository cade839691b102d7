// Package carrier is how the agent reaches into the network namespace of a task on Docker, wherever Docker runs: through the
// standard input and output of the task's pause container (cmd/berth-pause), to which the Docker API attaches. Neither the
// namespace's addresses nor the files of Docker's machine need be within reach: in Docker Desktop and Colima neither is.
//
// The pause program is the Outlet: it listens inside the namespace, and dials there. The agent is the Inlet
// (internal/agent/engine/docker). Between them goes one byte stream each way, which outlives every agent:
//
//	link      frames, by which a new agent takes over the stream in the middle of what its predecessor was saying
//	session   yamux: any number of streams in both directions
//	streams   an opening byte that says what it is for, then what is carried
package carrier

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/hashicorp/yamux"
)

// Config tells the pause program what its namespace is to have. It is its only argument, as JSON.
type Config struct {
	// Loopback are addresses that the loopback interface gets.
	Loopback []netip.Addr `json:",omitzero"`
	// Listen is the TCP address on which connections for the agent are taken. Port 0 is a free one. Empty: none.
	Listen string `json:",omitzero"`
	// Rewrite has the metadata address's port 80 lead to Listen, which is on another port, so that the task's own programs
	// can listen on port 80 of all addresses.
	Rewrite bool `json:",omitzero"`
	// Resolver is the address on which DNS questions for the agent are taken.
	Resolver netip.Addr `json:",omitzero"`
	// MAC is the hardware address that eth0 is to have.
	MAC string `json:",omitzero"`
	// Files are written, by path. Containers that join the namespace see these of /etc.
	Files map[string]string `json:",omitzero"`
}

// What a stream is for: its first byte. The first three are opened by the Outlet, the others by the Inlet.
const (
	streamConn = 'c' // a connection to Listen; carried once the Inlet has answered with a byte
	streamUDP  = 'u' // a DNS question, and its answer, each behind its length
	streamTCP  = 't' // a DNS connection; carried once the Inlet has answered with a byte

	streamListen = 'l' // as long as it is open, connections are taken; answered with the address of Listen
	streamDial   = 'd' // the address to dial; answered with an error, which is empty when it could be
)

// taken is the byte that says that a stream is carried from here on.
const taken = '+'

// settings are those of both ends. Nothing is sent while nothing is to be said: an engine that is slow is no failure.
func settings() *yamux.Config {
	c := yamux.DefaultConfig()
	c.EnableKeepAlive, c.ConnectionWriteTimeout, c.StreamOpenTimeout, c.LogOutput = false, 10*time.Minute, 0, io.Discard
	return c
}

// maxText bounds what is sent by writeText.
const maxText = 1<<16 - 1

func writeText(w io.Writer, text []byte) error {
	if len(text) > maxText {
		return fmt.Errorf("%d bytes are more than can be carried at once", len(text))
	}
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...))
	return err
}

func readText(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	text := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, text)
	return text, err
}

// metadata is where every task finds its metadata, on the port that Listen is on or, for its programs, on port 80.
var metadata = netip.MustParseAddr("169.254.170.2")

// IsMetadata says whether an address to listen on is the one where tasks find their metadata.
func IsMetadata(listen string) bool {
	a, err := netip.ParseAddrPort(listen)
	return err == nil && a.Addr() == metadata
}

// Metadata has Listen's address in the namespace, if it is the one where tasks find their metadata.
func (c *Config) Metadata() {
	if IsMetadata(c.Listen) {
		c.Loopback, c.Rewrite = append(c.Loopback, metadata), true
	}
}
