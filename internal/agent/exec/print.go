package exec

import (
	"io"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/execstream"
)

// Bounds of output on its way. A terminal gives it in pieces of at most 4 KB; each message costs both sides as much as many
// pieces do.
const (
	most = execstream.MaxFrame / 2 // in a message
	much = 2 << 10                 // in a piece after which more is likely to follow at once
	// gather is how long a message may wait for that.
	gather = time.Millisecond
)

// printed is what a process has printed and was not sent yet.
type printed struct {
	mu      sync.Mutex
	changed sync.Cond
	data    []byte
	last    int  // length of the last piece
	over    bool // nothing is added, or taken, any more
}

// printOut sends what output gives, until its end, which an error of send brings about.
func printOut(output io.Reader, send func([]byte) error) {
	p := &printed{}
	p.changed.L = &p.mu
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() { p.fill(output) })
	message := make([]byte, most)
	for n := p.take(message); n > 0; n = p.take(message) {
		if send(message[:n]) != nil {
			p.end()
			return
		}
	}
}

// fill adds pieces as they come, while there is room, until io.EOF or what a terminal says when its last process is gone.
func (p *printed) fill(output io.Reader) {
	defer p.end()
	piece := make([]byte, most)
	for {
		n, err := output.Read(piece)
		p.mu.Lock()
		for len(p.data) >= most && !p.over {
			p.changed.Wait()
		}
		p.data, p.last = append(p.data, piece[:n]...), n
		over := p.over
		p.changed.Signal()
		p.mu.Unlock()
		if err != nil || over {
			return
		}
	}
}

// take waits for a message's worth, or less where no more is likely to come at once; 0 at the end.
func (p *printed) take(message []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.data) == 0 && !p.over {
		p.changed.Wait()
	}
	if len(p.data) < most && p.last >= much && !p.over {
		p.mu.Unlock()
		time.Sleep(gather)
		p.mu.Lock()
	}
	n := copy(message, p.data)
	p.data = append(p.data[:0], p.data[n:]...)
	p.changed.Signal()
	return n
}

func (p *printed) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.changed.Signal()
}
