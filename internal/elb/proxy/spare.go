package proxy

// looked is how many connections are looked at for one that is idle.
const looked = 64

// Spare closes a connection that carries no request, if one is found soon, so that another can be served in its place.
func (p *Proxy) Spare() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := looked
	for s := range p.serving {
		if c, ok := s.(*client); ok && c.state.CompareAndSwap(idle, closed) {
			_ = c.socket.Close()
			return true
		}
		if left--; left == 0 {
			break
		}
	}
	return false
}
