//go:build linux

package docker

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
)

// hosts waits until a container's /etc/hosts names something, or no longer does.
func (b *bench) hosts(container, name string, named bool) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); strings.Contains(b.run(b.task, container, "cat", "/etc/hosts"), name) != named; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("that /etc/hosts names %s is not %t", name, named)
		}
	}
}

func TestContainersOnTheBridgeFindLoadBalancers(t *testing.T) {
	b := newBench(t)
	vpc := "vpc-" + b.instance
	n := b.Engine.Network()
	one, two := balancerAt(vpc, 200), balancerAt(vpc, 201)
	const second = "api-1a2b3c4d5e.us-east-1.elb.localhost"
	must(t, n.Stand(b.ctx, one))
	b.answer(n, one, "one")
	must(t, n.Name(vpc, balancerName, []netip.Addr{one.Address}))

	web := b.container("bridge", "web", "serve", ":80", "hello") // its ports are its own
	web.Host.NetworkMode = "bridge"
	web.Host.ExtraHosts = []string{"elsewhere:192.0.2.1"}
	b.task = enginetest.NewTask()
	must(t, b.CreateTask(b.ctx, engine.TaskSpec{Task: b.task, Listen: listen}))
	b.serve(b.task)
	must(t, b.CreateContainer(b.ctx, b.task, web))
	must(t, b.StartContainer(b.ctx, b.task, "web"))
	if named := b.run(b.task, "web", "cat", "/etc/hosts"); !strings.Contains(named, balancerName) {
		t.Errorf("a container that has started finds in /etc/hosts:\n%s", named)
	}
	awaitLine(t, web.Log.Dir, "ready")
	status, err := b.Inspect(b.ctx, b.task)
	must(t, err)
	from := status.Containers[0].Address.String()
	if got := b.run(b.task, "web", "get", "http://"+balancerName+"/"); got != "one to "+from {
		t.Errorf("by its name: %q, not one to %s", got, from)
	}
	if got := b.run(b.task, "web", "lookup", "elsewhere"); got != "192.0.2.1" {
		t.Errorf("an extra host is %q", got)
	}

	must(t, n.Stand(b.ctx, two))
	b.answer(n, two, "two")
	must(t, n.Name(vpc, second, []netip.Addr{two.Address}))
	b.hosts("web", second, true)
	if got := b.run(b.task, "web", "get", "http://"+second+"/"); got != "two to "+from {
		t.Errorf("one that came later: %q, not two to %s", got, from)
	}
	must(t, n.Forget(vpc, balancerName))
	b.hosts("web", balancerName, false)

	// The container of the load balancers, made anew, is somewhere else on the bridge.
	must(t, n.Leave(b.ctx, one))
	must(t, n.Leave(b.ctx, two))
	b.hosts("web", second, false)
	other := b.container("bridge", "other", "sleep")
	other.Host.NetworkMode = "bridge"
	must(t, b.CreateContainer(b.ctx, b.task, other))
	must(t, b.StartContainer(b.ctx, b.task, "other"))
	must(t, n.Stand(b.ctx, two))
	b.answer(n, two, "again")
	b.hosts("web", second, true)
	if got := b.run(b.task, "web", "get", "http://"+second+"/"); got != "again to "+from {
		t.Errorf("one that stands again: %q, not again to %s", got, from)
	}

	// The next agent tells those that run.
	must(t, b.Engine.Close())
	b.Engine = b.open(t)
	b.hosts("web", second, false)
	n = b.Engine.Network()
	must(t, n.Stand(b.ctx, one))
	b.answer(n, one, "one")
	must(t, n.Name(vpc, balancerName, []netip.Addr{one.Address}))
	b.hosts("web", balancerName, true)
	if got := b.run(b.task, "web", "get", "http://"+balancerName+"/"); got != "one to "+from {
		t.Errorf("by the next agent: %q, not one to %s", got, from)
	}
	must(t, b.RemoveTask(b.ctx, b.task))
}

// The container that is in both networks is no way from the one into the other.
func TestTheContainerOfLoadBalancersForwardsNothing(t *testing.T) {
	b := newBench(t)
	vpc := "vpc-" + b.instance
	n := b.Engine.Network()
	must(t, n.Stand(b.ctx, balancerAt(vpc, 200)))
	c, err := b.Engine.api.ContainerInspect(b.ctx, n.footings[vpc].container(), client.ContainerInspectOptions{})
	must(t, err)
	if c.Container.HostConfig.Sysctls["net.ipv4.ip_forward"] != "0" || len(c.Container.NetworkSettings.Networks) != 2 {
		t.Errorf("it is in %d networks with %v", len(c.Container.NetworkSettings.Networks), c.Container.HostConfig.Sysctls)
	}
}
