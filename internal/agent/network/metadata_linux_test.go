package network

import (
	"fmt"
	"net/netip"
	"testing"
)

// What answers for MetadataAddress takes no port from the task's own programs: web servers listen on port 80 of all addresses.
func TestATaskListensOnPort80BesideItsMetadata(t *testing.T) {
	n := open(t, instance(t, "eeee0009"))
	attached := attach(t, n, task(1))
	serveAt(t, attached.NetNS, netip.AddrPortFrom(MetadataAddress, MetadataPort).String(), "metadata")
	serve(t, attached.NetNS, "the task")
	wantGet(t, attached.NetNS, MetadataAddress, fmt.Sprintf("metadata to %s", MetadataAddress))
	wantGet(t, attached.NetNS, task(1).Address, fmt.Sprintf("the task to %s", task(1).Address))
	wantGet(t, attached.NetNS, netip.MustParseAddr("127.0.0.1"), "the task to 127.0.0.1")
	other := attach(t, n, task(2))
	wantGet(t, other.NetNS, task(1).Address, fmt.Sprintf("the task to %s", task(2).Address))
}
