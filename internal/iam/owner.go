package iam

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"

	"github.com/vishvananda/netlink"
)

// The well-known key is as good as no key, so what counts is who holds the other end of the connection. The kernel says
// whose socket it is (sock_diag, one look-up) and /proc which process has it and in which cgroup that is. A connection has
// to come over loopback, be of an allowed user, and of a process that is in no task's cgroup: a task in network mode host
// runs as root on our loopback. Tasks with a namespace of their own can't reach it at all, and what they send through
// their credentials endpoint comes from the agent, which is this very process when it runs in `berth dev`: it is refused too.
// Whatever can't be found out is a refusal. It is found out once for each connection, and only when somebody tries.

type owners struct{ users []uint32 }

// Starter returns the users that stand behind this process: root, the user it runs as and, under sudo, the one who called it.
func Starter() []uint32 {
	users := []uint32{0, uint32(os.Getuid())}
	if id, err := strconv.ParseUint(os.Getenv("SUDO_UID"), 10, 32); err == nil {
		users = append(users, uint32(id))
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// peer is the other end of a connection.
type peer struct {
	user    uint32
	process int
	inTask  bool
}

type peerKey struct{}

// ConnContext is for http.Server: it lets Lookup find out who made the connection.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, sync.OnceValues(func() (peer, error) {
		return peerOf(conn.LocalAddr(), conn.RemoteAddr())
	}))
}

// allow says whether a request came by a connection that may use the well-known key.
func (o *owners) allow(r *http.Request) bool {
	if len(o.users) == 0 {
		return false
	}
	find, ok := r.Context().Value(peerKey{}).(func() (peer, error))
	if !ok {
		return false
	}
	p, err := find()
	return err == nil && slices.Contains(o.users, p.user) && !p.inTask && p.process != os.Getpid()
}

var errNotLocal = errors.New("not a loopback connection")

// peerOf finds the owner of the socket at the other end.
func peerOf(local, remote net.Addr) (peer, error) {
	from, ok := remote.(*net.TCPAddr)
	to, ok2 := local.(*net.TCPAddr)
	if !ok || !ok2 || !from.IP.IsLoopback() || !to.IP.IsLoopback() {
		return peer{}, errNotLocal
	}
	socket, err := netlink.SocketGet(from, to)
	if err != nil {
		return peer{}, err
	}
	pid, err := holder(socket.INode)
	if err != nil {
		return peer{}, err
	}
	inTask, err := inTask(pid)
	return peer{user: socket.UID, process: pid, inTask: inTask}, err
}
