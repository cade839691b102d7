//go:build linux

package docker

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dockernet "github.com/moby/moby/api/types/network"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
	"github.com/berth-dev/berth/internal/agent/network"
)

const listen = "169.254.170.2:51679"

// taskNet is the n-th address of a VPC.
func taskNet(task, vpc string, n byte) network.TaskNet {
	return network.TaskNet{Task: task, VPC: vpc, VPCCIDR: netip.MustParsePrefix("10.77.0.0/16"), SubnetCIDR: netip.MustParsePrefix("10.77.16.0/20"),
		Gateway: netip.MustParseAddr("10.77.16.1"), Address: netip.AddrFrom4([4]byte{10, 77, 16, n}), MAC: fmt.Sprintf("02:00:00:00:01:%02x", n),
		Resolver: netip.MustParseAddr("10.77.0.2"), DNSName: fmt.Sprintf("ip-10-77-16-%d.ec2.internal", n)}
}

// attach begins a task in a VPC, and answers on its listener with its id.
func (b *bench) attach(n network.TaskNet, containers ...engine.ContainerSpec) {
	b.t.Helper()
	attached, err := b.Engine.Network().Attach(b.ctx, n)
	must(b.t, err)
	dir := filepath.Join(b.machine.dir, n.Task)
	must(b.t, os.MkdirAll(dir, 0o700))
	spec := engine.TaskSpec{Task: n.Task, NetNS: attached.NetNS, Listen: listen, Hostname: n.Hostname(),
		ResolvConf: filepath.Join(dir, "resolv.conf"), Hosts: filepath.Join(dir, "hosts")}
	must(b.t, os.WriteFile(spec.ResolvConf, n.ResolvConf(), 0o600))
	must(b.t, os.WriteFile(spec.Hosts, n.Hosts(), 0o600))
	must(b.t, b.CreateTask(b.ctx, spec))
	b.serve(n.Task)
	for _, c := range containers {
		must(b.t, b.CreateContainer(b.ctx, n.Task, c))
		must(b.t, b.StartContainer(b.ctx, n.Task, c.Name))
	}
}

// serve answers on a task's listener with its id.
func (b *bench) serve(task string) {
	b.t.Helper()
	l, err := b.Listener(b.ctx, task)
	must(b.t, err)
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, task) }))
}

// run runs the probe in a container and returns what it prints.
func (b *bench) run(task, container string, args ...string) string {
	b.t.Helper()
	p, err := b.Exec(b.ctx, task, container, engine.ExecSpec{Cmd: append([]string{"/probe"}, args...)})
	must(b.t, err)
	defer p.Close()
	errOut := make(chan string, 1)
	go func() { text, _ := io.ReadAll(p.Stderr()); errOut <- string(text) }()
	out, _ := io.ReadAll(p.Stdout())
	if code, err := p.Wait(b.ctx); err != nil || code != 0 {
		b.t.Errorf("%v ended with %d, %v: %s", args, code, err, <-errOut)
	}
	return strings.TrimSpace(string(out))
}

func TestAWSVPC(t *testing.T) {
	b := newBench(t)
	one, two := taskNet(enginetest.NewTask(), "vpc-"+b.instance, 4), taskNet(enginetest.NewTask(), "vpc-"+b.instance, 5)
	web := b.container("vpc", "web", "serve", ":80", "hello")
	b.attach(one, web, b.container("vpc", "side", "sleep"))
	b.attach(two, b.container("vpc2", "app", "sleep"))
	awaitLine(t, web.Log.Dir, "ready") // on port 80 of all addresses, the metadata's too

	for what, is := range map[string][2]string{
		"metadata on port 80":              {b.run(one.Task, "side", "get", "http://169.254.170.2/"), one.Task},
		"the other task's metadata":        {b.run(two.Task, "app", "get", "http://169.254.170.2/"), two.Task},
		"another container's loopback":     {b.run(one.Task, "side", "get", "http://127.0.0.1/"), "hello"},
		"another task by its address":      {b.run(two.Task, "app", "get", "http://"+one.Address.String()+"/"), "hello"},
		"another task by its private name": {b.run(two.Task, "app", "get", "http://"+one.DNSName+"/"), "hello"},
		"its own name":                     {b.run(two.Task, "app", "hostname"), two.DNSName},
		"resolv.conf":                      {b.run(two.Task, "app", "cat", "/etc/resolv.conf"), strings.TrimSpace(string(two.ResolvConf()))},
		"hosts":                            {b.run(two.Task, "app", "cat", "/etc/hosts"), strings.TrimSpace(string(two.Hosts()))},
		"the hardware address":             {b.run(two.Task, "app", "cat", "/sys/class/net/eth0/address"), two.MAC},
	} {
		if is[0] != is[1] {
			t.Errorf("%s: %q, not %q", what, is[0], is[1])
		}
	}
	conn, err := b.Engine.Dial(b.ctx, one.Task, "web", "127.0.0.1:80")
	must(t, err)
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	text, err := io.ReadAll(conn)
	if must(t, err); !strings.HasSuffix(string(text), "\r\n\r\nhello") {
		t.Errorf("dialled, it says %q", text)
	}
	conn.Close()
	if _, err := b.Engine.Dial(b.ctx, one.Task, "web", "127.0.0.1:81"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("dialling where nothing listens: %v", err)
	}
	if list := b.Engine.Network().List(); len(list) != 2 {
		t.Errorf("attached are %+v", list)
	}

	// The address is free once it is detached, whatever else there is of the task.
	must(t, b.StopContainer(b.ctx, two.Task, "app", 0))
	for range 2 {
		must(t, b.Engine.Network().Detach(b.ctx, two.Task))
	}
	three := two
	three.Task = enginetest.NewTask()
	b.attach(three, b.container("vpc3", "app", "sleep"))
	if got := b.run(three.Task, "app", "get", "http://169.254.170.2/"); got != three.Task {
		t.Errorf("the next task of the address finds %q", got)
	}

	// The next agent takes over: requests that came meanwhile are answered.
	must(t, b.Engine.Close())
	b.Engine = b.open(t)
	asked := make(chan string, 1)
	go func() { asked <- b.run(one.Task, "side", "get", "http://169.254.170.2/") }()
	time.Sleep(200 * time.Millisecond) // it is waiting by then, or not: it makes no difference
	b.serve(one.Task)
	if got := <-asked; got != one.Task {
		t.Errorf("the next agent answers %q", got)
	}
	for _, n := range []network.TaskNet{one, two, three} {
		must(t, b.Engine.Network().Detach(b.ctx, n.Task))
		must(t, b.RemoveTask(b.ctx, n.Task))
	}
}

func TestAPoolThatOverlapsIsTold(t *testing.T) {
	b := newBench(t)
	other := taskNet(enginetest.NewTask(), "vpc-"+b.instance+"2", 4)
	other.VPCCIDR = netip.MustParsePrefix("10.78.0.0/16")
	other.SubnetCIDR, other.Gateway, other.Address = netip.MustParsePrefix("10.78.0.0/16"), netip.MustParseAddr("10.78.0.1"), netip.MustParseAddr("10.78.0.4")
	_, err := b.Engine.Network().Attach(b.ctx, other)
	must(t, err)
	other.VPC += "3"
	if _, err := b.Engine.Network().Attach(b.ctx, other); err == nil || !strings.Contains(err.Error(), "overlaps") {
		t.Errorf("a VPC of the same range: %v", err)
	}
}

func TestBridge(t *testing.T) {
	b := newBench(t)
	web, app := b.container("bridge", "web", "serve", ":80", "hello"), b.container("bridge", "app", "sleep")
	web.Host.NetworkMode, app.Host.NetworkMode = "bridge", "bridge"
	port := dockernet.MustParsePort("80/tcp")
	web.Config.ExposedPorts = dockernet.PortSet{port: {}}
	web.Host.PortBindings = dockernet.PortMap{port: {{HostPort: "18080"}}}
	app.Host.Links = []string{"web:site"}
	app.Host.ExtraHosts = []string{"elsewhere:192.0.2.1"}
	b.task = enginetest.NewTask()
	must(t, b.CreateTask(b.ctx, engine.TaskSpec{Task: b.task, Listen: listen}))
	b.serve(b.task)
	for _, c := range []engine.ContainerSpec{web, app} {
		must(t, b.CreateContainer(b.ctx, b.task, c))
		must(t, b.StartContainer(b.ctx, b.task, c.Name))
	}
	awaitLine(t, web.Log.Dir, "ready")
	status, err := b.Inspect(b.ctx, b.task)
	must(t, err)
	c := status.Containers[0]
	if len(c.Ports) == 0 || c.Ports[0].Host != 18080 || c.Ports[0].Container != 80 || c.Ports[0].Protocol != "tcp" || !c.Address.Is4() {
		t.Errorf("it has ports %+v and address %s", c.Ports, c.Address)
	}
	for what, is := range map[string][2]string{
		"metadata":                  {b.run(b.task, "app", "get", "http://169.254.170.2/"), b.task},
		"metadata where port 80 is": {b.run(b.task, "web", "get", "http://169.254.170.2/"), b.task},
		"a link":                    {b.run(b.task, "app", "get", "http://site/"), "hello"},
		"an address":                {b.run(b.task, "app", "get", "http://"+c.Address.String()+"/"), "hello"},
		"an extra host":             {b.run(b.task, "app", "lookup", "elsewhere"), "192.0.2.1"},
	} {
		if is[0] != is[1] {
			t.Errorf("%s: %q, not %q", what, is[0], is[1])
		}
	}
	published, err := b.machine.Dial("127.0.0.1:18080")
	must(t, err)
	published.Close()
	inside, err := b.Engine.Dial(b.ctx, b.task, "web", "127.0.0.1:80")
	must(t, err)
	inside.Close()

	taken := b.container("bridge", "taken", "sleep")
	taken.Host = web.Host
	must(t, b.CreateContainer(b.ctx, b.task, taken))
	err = b.StartContainer(b.ctx, b.task, "taken")
	b.wantKind(err, engine.CannotStartContainer)
	if err == nil || !strings.Contains(err.Error(), "port is already allocated") {
		t.Errorf("a port that is taken: %v", err)
	}
	must(t, b.StopContainer(b.ctx, b.task, "web", 0))
	must(t, b.Engine.Network().Unbridge(b.ctx, b.task))
	next := b.container("bridge", "next", "sleep")
	next.Host = web.Host
	was := b.task
	b.begin(engine.TaskSpec{Listen: listen}, next)
	for _, task := range []string{was, b.task} {
		must(t, b.RemoveTask(b.ctx, task))
	}
}

func TestSharedProcessesAndMemory(t *testing.T) {
	b := newBench(t)
	b.begin(engine.TaskSpec{NoNetwork: true, PIDMode: engine.TaskNamespace, IPCMode: engine.TaskNamespace}, b.container("shared", "app", "sleep"))
	if name := b.run(b.task, "app", "cat", "/proc/1/comm"); name != "berth-pause" {
		t.Errorf("process 1 of the task is %s", name)
	}
	must(t, b.RemoveTask(b.ctx, b.task))
}
