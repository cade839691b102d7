//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
	"github.com/berth-dev/berth/internal/agent/network"
)

const balancerName = "web-1a2b3c4d5e.us-east-1.elb.localhost"

// balancerAt is the n-th address of the VPC of taskNet.
func balancerAt(vpc string, n byte) network.BalancerNet {
	t := taskNet("", vpc, n)
	return network.BalancerNet{VPC: t.VPC, VPCCIDR: t.VPCCIDR, SubnetCIDR: t.SubnetCIDR, Gateway: t.Gateway, Address: t.Address}
}

// answer has a load balancer answer at its port 80 with text and the address that the request came from, until its listener
// ends.
func (b *bench) answer(n *Network, at network.BalancerNet, text string) (ended chan error) {
	b.t.Helper()
	l, err := n.Listen(b.ctx, at.VPC, netip.AddrPortFrom(at.Address, 80))
	must(b.t, err)
	b.t.Cleanup(func() { l.Close() })
	ended = make(chan error, 1)
	go func() {
		ended <- http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			fmt.Fprintf(w, "%s to %s", text, host)
		}))
	}()
	return ended
}

func TestLoadBalancersStandInAVPC(t *testing.T) {
	b := newBench(t)
	vpc := "vpc-" + b.instance
	n := b.Engine.Network()
	one, two := balancerAt(vpc, 200), balancerAt(vpc, 201)
	must(t, n.Stand(b.ctx, one)) // before any task
	must(t, n.Stand(b.ctx, two))
	must(t, n.Stand(b.ctx, one))
	ended := b.answer(n, one, "one")
	b.answer(n, two, "two")
	must(t, n.Name(vpc, balancerName, []netip.Addr{one.Address}))
	task := taskNet(enginetest.NewTask(), vpc, 4)
	web := b.container("vpc", "web", "serve", ":80", "hello")
	b.attach(task, web)
	awaitLine(t, web.Log.Dir, "ready")
	from := task.Address.String()
	for what, is := range map[string][2]string{
		"by its address":  {b.run(task.Task, "web", "get", "http://"+one.Address.String()+"/"), "one to " + from},
		"the other":       {b.run(task.Task, "web", "get", "http://"+two.Address.String()+"/"), "two to " + from},
		"one by its name": {b.run(task.Task, "web", "get", "http://"+balancerName+"/"), "one to " + from},
	} {
		if is[0] != is[1] {
			t.Errorf("%s: %q, not %q", what, is[0], is[1])
		}
	}

	to := netip.AddrPortFrom(task.Address, 80)
	inlet, err := n.attached(b.ctx, vpc, one.Address)
	must(t, err)
	for way, dial := range map[string]func(context.Context) (net.Conn, error){
		"by the machine":        func(ctx context.Context) (net.Conn, error) { return n.Dial(ctx, "tcp", vpc, one.Address, to) },
		"through the container": func(ctx context.Context) (net.Conn, error) { return inlet.DialFrom(ctx, "tcp", one.Address, to) },
	} {
		conn, err := dial(b.ctx)
		must(t, err)
		fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
		text, err := io.ReadAll(conn)
		if must(t, err); len(text) < 5 || string(text[len(text)-5:]) != "hello" {
			t.Errorf("%s: the task says %q", way, text)
		}
		conn.Close()
	}
	if conn, err := inlet.DialFrom(b.ctx, "tcp", one.Address, netip.AddrPortFrom(task.Address, 81)); err == nil {
		conn.Close()
		t.Error("a port at which nobody listens was dialed")
	}

	_, err = b.api.ContainerKill(b.ctx, n.footings[vpc].container(), client.ContainerKillOptions{Signal: "SIGKILL"})
	must(t, err)
	select {
	case err := <-ended:
		if !errors.Is(err, io.EOF) {
			t.Errorf("the listener ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("who listens is not told that the container has ended")
	}
	b.answer(n, one, "again")
	if got := b.run(task.Task, "web", "get", "http://"+one.Address.String()+"/"); got != "again to "+from {
		t.Errorf("after its container was killed it says %q", got)
	}
	must(t, n.Leave(b.ctx, one))
	must(t, n.Leave(b.ctx, one))
	must(t, n.Leave(b.ctx, two))
	if _, err := b.inspect(b.ctx, n.footings[vpc].container()); err == nil {
		t.Error("where nobody stands there is a container")
	}
	must(t, n.Forget(vpc, balancerName))
}

func TestPacketsOfALoadBalancer(t *testing.T) {
	b := newBench(t)
	vpc := "vpc-" + b.instance
	n := b.Engine.Network()
	one, two := balancerAt(vpc, 200), balancerAt(vpc, 201)
	must(t, n.Stand(b.ctx, one))
	must(t, n.Stand(b.ctx, two))
	here, err := n.ListenPacket(b.ctx, vpc, netip.AddrPortFrom(one.Address, 5353))
	must(t, err)
	defer here.Close()
	inlet, err := n.attached(b.ctx, vpc, two.Address)
	must(t, err)
	there, err := inlet.DialFrom(b.ctx, "udp", two.Address, netip.AddrPortFrom(one.Address, 5353))
	must(t, err)
	defer there.Close()
	_, err = there.Write([]byte("ping"))
	must(t, err)
	buf := make([]byte, 64)
	k, from, err := here.ReadFrom(buf)
	must(t, err)
	if host, _, _ := net.SplitHostPort(from.String()); string(buf[:k]) != "ping" || host != two.Address.String() {
		t.Errorf("it got %q from %s", buf[:k], from)
	}
	_, err = here.WriteTo([]byte("pong"), from)
	must(t, err)
	k, err = there.Read(buf)
	if must(t, err); string(buf[:k]) != "pong" {
		t.Errorf("the answer is %q", buf[:k])
	}
}

// A new agent takes addresses that an earlier one has not left yet.
func TestAFootingIsTakenOver(t *testing.T) {
	b := newBench(t)
	vpc := "vpc-" + b.instance
	first := b.Engine.Network()
	one := balancerAt(vpc, 200)
	must(t, first.Stand(b.ctx, one))
	b.answer(first, one, "first")
	task := taskNet(enginetest.NewTask(), vpc, 4)
	b.attach(task, b.container("vpc", "app", "sleep"))
	second := b.machine.open(t).Network()
	must(t, second.Stand(b.ctx, one))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		l, err := second.Listen(b.ctx, vpc, netip.AddrPortFrom(one.Address, 80))
		if err == nil {
			go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "second") }))
			defer l.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if got := b.run(task.Task, "app", "get", "http://"+one.Address.String()+"/"); got != "second" {
		t.Errorf("the load balancer says %q", got)
	}
}

// An agent that died may not have left addresses of load balancers that are deleted by now.
func TestFootingsOfAnEarlierAgentEnd(t *testing.T) {
	b := newBench(t)
	vpc := "vpc-" + b.instance
	first := b.Engine.Network()
	must(t, first.Stand(b.ctx, balancerAt(vpc, 200)))
	left := first.footings[vpc].container()
	must(t, b.Engine.Close())
	b.Engine = b.machine.open(t)
	if _, err := b.inspect(b.ctx, left); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("after the next agent's start, asking for the container where nobody stands says: %v", err)
	}
}
