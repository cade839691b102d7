package network

import (
	"net"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// upstreams are the resolvers that the host uses, read again when its resolv.conf changes.
type upstreams struct {
	path string

	mu      sync.Mutex
	checked time.Time
	stamp   time.Time
	size    int64
	servers []string
}

// recheck is how old an answer about resolv.conf may be.
const recheck = time.Second

// current returns the addresses, with port, in order of preference. None when the file names none or cannot be read.
func (u *upstreams) current() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if time.Since(u.checked) < recheck {
		return u.servers
	}
	u.checked = time.Now()
	info, err := os.Stat(u.path)
	if err != nil {
		u.servers = nil
		return nil
	}
	if u.servers != nil && info.ModTime().Equal(u.stamp) && info.Size() == u.size {
		return u.servers
	}
	u.stamp, u.size, u.servers = info.ModTime(), info.Size(), nil
	conf, err := dns.ClientConfigFromFile(u.path)
	if err != nil {
		return nil
	}
	for _, server := range conf.Servers {
		u.servers = append(u.servers, net.JoinHostPort(server, conf.Port))
	}
	return u.servers
}
