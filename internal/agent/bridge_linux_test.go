package agent

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/api/ecs"
)

// bridgeTask is a task in network mode bridge of a web server, linked to another one, db. ports are the web server's mappings.
func bridgeTask(n int, desired, ports string) (id, arn, payload string) {
	id = fmt.Sprintf("%032x", n)
	arn = "arn:aws:ecs:us-east-1:123456789012:task/default/" + id
	container := func(name, more string) string {
		return fmt.Sprintf(`{"name":%q,"image":"berth/hello","essential":true,"cpu":0,"memory":0,"dockerConfig":{"config":"{}","hostConfig":"{\"NetworkMode\":\"bridge\"}"},%s}`, name, more)
	}
	return id, arn, fmt.Sprintf(`{"arn":%q,"taskClusterArn":"arn:cluster/default","family":"hello","version":"1","desiredStatus":%q,"networkMode":"bridge","launchType":"EC2",
		"roleCredentials":{"credentialsId":"cid-%d","roleArn":"arn:role","accessKeyId":"ASIATASK","secretAccessKey":"hush","sessionToken":"token","expiration":"2030-01-01T00:00:00Z"},
		"containers":[%s,%s]}`, arn, desired, n, container("web", `"links":["side:db"],"portMappings":[`+ports+`]`), container("side", `"environment":{"PORT":"5432"}`))
}

// netns is the network namespace of a container of a bridge task: its hosts file tells its address.
func (h *host) netns(id, container string) (path, hosts string) {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, "agent", "tasks", id, "bridge", container, "hosts"))
	if err != nil {
		h.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	address, _, _ := strings.Cut(lines[len(lines)-1], "\t")
	paths, _ := filepath.Glob(filepath.Join(h.run, "netns", id+".*"))
	for _, path := range paths {
		if h.hasAddress(path, address) {
			return path, string(text)
		}
	}
	h.t.Fatalf("no namespace of %s has %s", container, address)
	return "", ""
}

// hasAddress tells whether a namespace has an address: whether one can listen on it there.
func (h *host) hasAddress(path, address string) bool {
	ln, err := listenIn(path, net.JoinHostPort(address, "0"))
	if err == nil {
		ln.Close()
	}
	return err == nil
}

func TestRealContainersInBridgeMode(t *testing.T) {
	h, p := newHost(t), newPlane(t)
	a := h.live(p)
	p.await("connected", 0, nil)
	static := freePort(t)
	ports := fmt.Sprintf(`{"containerPort":8080,"hostPort":%d,"protocol":"tcp"},{"containerPort":8080,"protocol":"tcp"},{"containerPort":53,"protocol":"udp"},{"containerPortRange":"7000-7004","protocol":"tcp"}`, static)
	one, arnOne, first := bridgeTask(1, "RUNNING", ports)
	two, arnTwo, second := bridgeTask(2, "RUNNING", `{"containerPort":8080,"hostPort":0,"protocol":"tcp"}`)
	p.send("arn:instance/fargate", "m-1", first)
	p.send("arn:instance/fargate", "m-2", second)
	bindings, others := bindingsOf(t, p, arnOne), bindingsOf(t, p, arnTwo)
	if len(bindings) != 4 || *bindings[0].HostPort != int32(static) || bindings[2].Protocol != "udp" || bindings[3].ContainerPortRange != "7000-7004" || bindings[3].HostPortRange == "" {
		t.Fatalf("the bindings are %+v", bindings)
	}
	page := func(port int32) string { return get(t, fresh(nil), fmt.Sprintf("http://127.0.0.1:%d/", port)) }
	for _, b := range bindings[:2] {
		if got := page(*b.HostPort); !strings.Contains(got, "task: "+one) || !strings.Contains(got, "container: web") { // which it knows of its metadata
			t.Errorf("at %d answers %s", *b.HostPort, got)
		}
	}
	if got := page(*others[0].HostPort); !strings.Contains(got, "task: "+two) {
		t.Errorf("the other task answers %s", got)
	}

	web, hosts := h.netns(one, "web")
	inside := fresh(h.dialIn(web))
	var db string
	for line := range strings.Lines(hosts) {
		if fields := strings.Fields(line); len(fields) == 4 && fields[1] == "db" && fields[3] == "side" {
			db = fields[0]
		}
	}
	if got := get(t, inside, "http://"+net.JoinHostPort(db, "5432")+"/"); !strings.Contains(got, "container: side") {
		t.Errorf("by its link answers %s; hosts is %s", got, hosts)
	}
	if got := get(t, inside, "http://169.254.170.2/v2/credentials/cid-1"); !strings.Contains(got, "ASIATASK") {
		t.Errorf("the credentials are %s", got)
	}
	other, _ := h.netns(two, "web")
	if got := get(t, fresh(h.dialIn(other)), "http://169.254.170.2/v2/credentials/cid-1"); strings.Contains(got, "ASIATASK") {
		t.Errorf("another task got the credentials: %s", got)
	}

	_, arnThree, third := bridgeTask(3, "RUNNING", fmt.Sprintf(`{"containerPort":8080,"hostPort":%d,"protocol":"tcp"}`, static))
	p.send("arn:instance/fargate", "m-3", third)
	if c := p.change(arnThree, "STOPPED").Containers[0]; c.Reason != fmt.Sprintf("CannotStartContainerError: Bind for 0.0.0.0:%d failed: port is already allocated", static) {
		t.Errorf("a port that is taken: %+v", c)
	}

	a.end()
	if got := page(int32(static)); !strings.Contains(got, "task: "+one) {
		t.Errorf("without an agent answers %s", got)
	}
	connected := p.count("connected")
	h.live(p)
	p.await("connected", connected, nil)
	_, _, first = bridgeTask(1, "STOPPED", ports)
	p.send("arn:instance/fargate", "m-4", first)
	p.change(arnOne, "STOPPED")
	if got := page(*others[0].HostPort); !strings.Contains(got, "task: "+two) {
		t.Errorf("after the other's end answers %s", got)
	}
	ln, err := net.Listen("tcp4", fmt.Sprintf(":%d", static)) // a port is free once the end of its task is known
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	_, _, second = bridgeTask(2, "STOPPED", "")
	p.send("arn:instance/fargate", "m-5", second)
	p.change(arnTwo, "STOPPED")
	if left, _ := filepath.Glob(filepath.Join(h.run, "netns", "0*")); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

func bindingsOf(t *testing.T, p *plane, arn string) []ecs.NetworkBinding {
	t.Helper()
	for _, c := range p.change(arn, "RUNNING").Containers {
		if c.ContainerName == "web" {
			return c.NetworkBindings
		}
	}
	t.Fatal("web is not reported")
	return nil
}

func freePort(t *testing.T) int {
	ln, err := net.Listen("tcp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// fresh is a client that keeps no connection.
func fresh(dial dialer) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}
}
