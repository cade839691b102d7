package stream

import "sync/atomic"

// What may wait to be sent to a target; what comes beyond is lost, as UDP's packets may be.
const (
	maxWaiting      = 16        // packets of a flow
	maxWaitingBytes = maxPacket // of a flow
	maxHeldBytes    = 16 << 20  // of a listener
)

// backlog is packets of a flow that wait while its target is picked and dialed, or because its connection takes nothing.
type backlog struct {
	held    *atomic.Int64 // bytes, of the listener
	packets [][]byte
	bytes   int
}

// add keeps a copy of a packet, unless too much waits already.
func (b *backlog) add(packet []byte) {
	if len(b.packets) == maxWaiting || b.bytes+len(packet) > maxWaitingBytes {
		return
	}
	if b.held.Add(int64(len(packet))) > maxHeldBytes {
		b.held.Add(int64(-len(packet)))
		return
	}
	b.bytes += len(packet)
	b.packets = append(b.packets, append([]byte(nil), packet...))
}

// take takes the packet that has waited longest; false: none does.
func (b *backlog) take() (packet []byte, any bool) {
	if len(b.packets) == 0 {
		return nil, false
	}
	packet, b.packets = b.packets[0], b.packets[1:]
	b.bytes -= len(packet)
	b.held.Add(int64(-len(packet)))
	return packet, true
}

// drop loses all of them.
func (b *backlog) drop() {
	b.held.Add(int64(-b.bytes))
	b.packets, b.bytes = nil, 0
}
