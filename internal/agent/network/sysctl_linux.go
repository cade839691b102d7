package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sysctl is a kernel setting: its path below /proc/sys and its value.
type sysctl struct{ path, value string }

// setSysctls writes settings of the calling thread's network namespace. Those the kernel does not have are passed over.
func setSysctls(settings []sysctl) error {
	for _, s := range settings {
		err := os.WriteFile(filepath.Join("/proc/sys", s.path), []byte(s.value), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set %s to %s: %w", strings.ReplaceAll(s.path, "/", "."), s.value, err)
		}
	}
	return nil
}

// A namespace's settings may be inherited from the host's, whatever its operator put there: all that matters is set.
var routerSysctls = []sysctl{
	{"net/ipv4/ip_forward", "1"},
	// A task sends from its own subnet only.
	{"net/ipv4/conf/all/rp_filter", "1"},
	{"net/ipv4/conf/default/rp_filter", "1"},
	// Every interface answers for every address of the router: the resolver's is on its loopback interface.
	{"net/ipv4/conf/all/arp_ignore", "0"},
	{"net/ipv4/conf/default/arp_ignore", "0"},
	{"net/ipv4/conf/all/send_redirects", "0"},
	{"net/ipv4/conf/default/send_redirects", "0"},
	{"net/ipv6/conf/all/disable_ipv6", "1"},
	{"net/ipv6/conf/default/disable_ipv6", "1"},
	// Frames between tasks of a subnet are the bridge's business alone.
	{"net/bridge/bridge-nf-call-iptables", "0"},
	{"net/bridge/bridge-nf-call-ip6tables", "0"},
	{"net/bridge/bridge-nf-call-arptables", "0"},
}

var taskSysctls = []sysctl{
	// As in Docker: unprivileged processes may listen on port 80 and ping.
	{"net/ipv4/ip_unprivileged_port_start", "0"},
	{"net/ipv4/ping_group_range", "0 2147483647"},
	// The VPC is IPv4 only. The loopback interface, which is there already, keeps ::1.
	{"net/ipv6/conf/default/disable_ipv6", "1"},
}
