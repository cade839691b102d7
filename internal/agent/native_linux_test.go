package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/vishvananda/netns"

	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
	"github.com/berth-dev/berth/internal/agent/engine/native"
	"github.com/berth-dev/berth/internal/agent/image"
	"github.com/berth-dev/berth/internal/agent/network"
	"github.com/berth-dev/berth/internal/wire/client"
)

// host is this machine under an instance id of its own, with the real engine and the real network.
type host struct {
	t               testing.TB
	instance, run   string
	dir, shim, prog string
}

func newHost(t testing.TB) *host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("containers need root")
	}
	id := make([]byte, 4)
	_, _ = rand.Read(id)
	h := &host{t: t, instance: hex.EncodeToString(id), dir: t.TempDir()}
	h.run = "/run/berth/" + h.instance
	var err error
	if h.shim, err = enginetest.BuildShim(h.dir); err != nil {
		t.Fatal(err)
	}
	h.prog = filepath.Join(h.dir, "hello")
	build := exec.Command("go", "build", "-o", h.prog, "github.com/berth-dev/berth/cmd/hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build hello: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		err := errors.Join(native.Clean(ctx, h.instance, h.run),
			network.Clean(ctx, network.Config{Instance: h.instance, RunDir: h.run}), os.RemoveAll(h.run))
		if err != nil {
			t.Error(err)
		}
	})
	return h
}

// live starts an agent on the host as a starting berth does: with an engine and a network of its own.
func (h *host) live(p *plane) *living {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	images, err := image.Open(ctx, image.Config{Dir: filepath.Join(h.dir, "images"), Hello: func() ([]byte, error) { return os.ReadFile(h.prog) }})
	if err != nil {
		h.t.Fatal(err)
	}
	containers, err := native.New(ctx, native.Config{Instance: h.instance, RunDir: h.run, BinDir: filepath.Join(h.dir, "bin"), Images: images, Shim: h.shim, Log: log})
	if err != nil {
		h.t.Fatal(err)
	}
	net, err := network.New(network.Config{Instance: h.instance, RunDir: h.run, Log: log})
	if err != nil {
		h.t.Fatal(err)
	}
	a := &living{Agent: New(Config{
		Dir: filepath.Join(h.dir, "agent"), Machine: "m-1", Endpoint: p.URL, Region: "us-east-1", Credentials: client.Static("AKIAAGENT", "secret", ""),
		Engine: containers, Network: net, Identities: []Identity{{Name: "fargate", Fargate: true}}, Version: "1", Hash: "abc", Log: log,
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.Run(ctx); ctx.Err() == nil {
			h.t.Errorf("the agent ended: %v", err)
		}
	}()
	a.end = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := errors.Join(containers.Close(), net.Close(), images.Close()); err != nil {
			h.t.Error(err)
		}
	})
	h.t.Cleanup(a.end)
	return a
}

// helloTask is a task of the built-in image with an address of its own and a task role.
func helloTask(n int, desired string) (arn, payload string) {
	arn = fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task/default/%032x", n)
	return arn, fmt.Sprintf(`{"arn":%q,"taskClusterArn":"arn:cluster/default","family":"hello","version":"1","desiredStatus":%q,"networkMode":"awsvpc","launchType":"FARGATE",
		"cpu":0.25,"memory":128,"roleCredentials":{"credentialsId":"cid","roleArn":"arn:role","accessKeyId":"ASIATASK","secretAccessKey":"hush","sessionToken":"token","expiration":"2030-01-01T00:00:00Z"},
		"containers":[{"name":"web","image":"berth/hello","essential":true,"cpu":0,"memory":0,"dockerConfig":{"config":"{}","hostConfig":"{\"LogConfig\":{\"Type\":\"awslogs\",\"Config\":{\"awslogs-group\":\"/app\",\"awslogs-region\":\"us-east-1\",\"awslogs-stream-prefix\":\"s\"}}}"}}],
		"elasticNetworkInterfaces":[{"attachmentArn":"arn:attachment/%[3]d","ec2Id":"eni-%[3]d","macAddress":"02:00:00:00:01:%02[3]x","ipv4Addresses":[{"privateAddress":"172.31.1.%[3]d","primary":true}],
		"subnetGatewayIpv4Address":"172.31.0.1/20","domainNameServers":["172.31.0.2"],"privateDnsName":"ip-172-31-1-%[3]d.ec2.internal","berthVpcId":"vpc-1","berthVpcCidr":"172.31.0.0/16"}]}`, arn, desired, n)
}

func TestRealContainersSurviveTheAgent(t *testing.T) {
	h, p := newHost(t), newPlane(t)
	a := h.live(p)
	p.await("connected", 0, nil)
	arn, payload := helloTask(4, "RUNNING")
	p.send("arn:instance/fargate", "m-1", payload)
	running := p.change(arn, "RUNNING").Containers[0]
	if len(running.RuntimeId) != 64 || running.Status != "RUNNING" {
		t.Errorf("reported %+v", running)
	}
	var attached struct {
		HostAddress string `json:"hostAddress"`
	}
	if err := json.Unmarshal(p.await("BerthAttachedMessage", 0, nil), &attached); err != nil {
		t.Fatal(err)
	}
	page := func() string { return get(t, http.DefaultClient, "http://"+attached.HostAddress+":8080/") }
	if got := page(); !strings.Contains(got, "web") {
		t.Errorf("the page says %s", got)
	}
	inside := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: h.dialIn("/run/berth/" + h.instance + "/netns/" + fmt.Sprintf("%032x", 4))}}
	const credentials = "http://169.254.170.2/v2/credentials/cid"
	if got := get(t, inside, credentials); !strings.Contains(got, "ASIATASK") {
		t.Errorf("the credentials are %s", got)
	}

	a.end()
	if got := page(); !strings.Contains(got, "web") {
		t.Errorf("without an agent the page says %s", got)
	}
	answer := make(chan string, 1)
	go func() { answer <- get(t, inside, credentials) }() // waits for the next agent, and for the control plane
	connected := p.count("connected")
	h.live(p)
	p.await("connected", connected, nil)
	p.send("arn:instance/fargate", "m-2", payload)
	if got := <-answer; !strings.Contains(got, "ASIATASK") {
		t.Errorf("the credentials are %s", got)
	}
	_, payload = helloTask(4, "STOPPED")
	p.send("arn:instance/fargate", "m-3", payload)
	stopped := p.change(arn, "STOPPED").Containers[0]
	if stopped.RuntimeId != running.RuntimeId || stopped.ExitCode == nil || *stopped.ExitCode != 0 {
		t.Errorf("reported %+v", stopped)
	}
	p.await("PutLogEvents", 0, func(b jsontext.Value) bool { return strings.Contains(string(b), "/") })
}

// TestLaunchesAreQuick prints how long a launch takes from the payload to the report, which is most of RunTask to RUNNING.
func TestLaunchesAreQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures")
	}
	h, p := newHost(t), newPlane(t)
	h.live(p)
	p.await("connected", 0, nil)
	var took []time.Duration
	for n := 10; n < 31; n++ {
		arn, payload := helloTask(n, "RUNNING")
		begin := time.Now()
		p.send("arn:instance/fargate", fmt.Sprint("run-", n), payload)
		p.change(arn, "RUNNING")
		took = append(took, time.Since(begin))
		_, payload = helloTask(n, "STOPPED")
		p.send("arn:instance/fargate", fmt.Sprint("stop-", n), payload)
		p.change(arn, "STOPPED")
	}
	slices.Sort(took)
	t.Logf("payload to RUNNING: median %s, fastest %s, slowest %s", took[len(took)/2], took[0], took[len(took)-1])
}

func get(t testing.TB, c *http.Client, url string) string {
	for deadline := time.Now().Add(15 * time.Second); ; {
		resp, err := c.Get(url)
		if err == nil {
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			return string(body)
		}
		if time.Now().After(deadline) {
			t.Error(err)
			return ""
		}
		runtime.Gosched()
	}
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// dialIn dials from inside a namespace.
func (h *host) dialIn(path string) dialer {
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = within(path, func() (err error) {
			conn, err = (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}
}

// listenIn listens inside a namespace.
func listenIn(path, address string) (ln net.Listener, err error) {
	err = within(path, func() (err error) { ln, err = net.Listen("tcp4", address); return err })
	return ln, err
}

// within does something inside a namespace.
func within(path string, do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine: it is never unlocked
		ns, err := netns.GetFromPath(path)
		if err == nil {
			defer ns.Close()
			err = netns.Set(ns)
		}
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}
