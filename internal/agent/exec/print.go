package exec

import (
	"bytes"
	"io"
	"sync"

	"github.com/berth-dev/berth/internal/execstream"
)

// Bounds of output on its way. A terminal gives it in pieces of at most 4 KB, and each message costs both sides as much as
// many pieces do: what comes while one is sent goes with the next.
const (
	most = execstream.MaxFrame / 2 // in a message
	room = 8 * most                // for what waits
)

// printed is what a process has printed and was not sent yet.
type printed struct {
	mu      sync.Mutex
	changed sync.Cond
	data    bytes.Buffer
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
		for p.data.Len() >= room && !p.over {
			p.changed.Wait()
		}
		p.data.Write(piece[:n])
		over := p.over
		p.changed.Signal()
		p.mu.Unlock()
		if err != nil || over {
			return
		}
	}
}

// take waits for output and takes up to a message of it; 0 at the end.
func (p *printed) take(message []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.data.Len() == 0 && !p.over {
		p.changed.Wait()
	}
	n, _ := p.data.Read(message)
	p.changed.Signal()
	return n
}

func (p *printed) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.changed.Signal()
}
