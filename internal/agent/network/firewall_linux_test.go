package network

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eventually waits for a condition.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	for begin := time.Now(); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > within {
			t.Fatalf("%s: not within %v", what, within)
		}
	}
}

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

func TestTasksReachTheInternetThroughAFirewallThatDrops(t *testing.T) {
	needRoot(t)
	for _, iptables := range []string{"iptables-nft", "iptables-legacy"} {
		t.Run(iptables, func(t *testing.T) {
			program(t, iptables)
			run := func(args ...string) string { return shell(t, iptables, args...) }
			run("-P", "FORWARD", "DROP") // as ufw and dockerd do
			t.Cleanup(func() { run("-P", "FORWARD", "ACCEPT") })
			n := open(t, instance(t, "aaaa0001"))
			serve(t, internetNS, "internet")
			a := attach(t, n, task(1))
			wantGet(t, a.NetNS, internet.Addr(), "internet to "+hostUplink.Addr().String())

			// ufw reload, and what others put in front.
			run("-F", "FORWARD")
			if _, err := get(a.NetNS, internet.Addr()); err == nil {
				t.Fatal("the test's firewall does not drop")
			}
			eventually(t, 3*guardPeriod, "the rules are back", func() bool { _, err := get(a.NetNS, internet.Addr()); return err == nil })

			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			if err := Clean(context.Background(), n.cfg); err != nil {
				t.Fatal(err)
			}
			if rules := run("-S", "FORWARD"); strings.TrimSpace(rules) != "-P FORWARD DROP" {
				t.Errorf("Clean left\n%s", rules)
			}
		})
	}
}

func TestAForeignFirewallThatDropsIsTold(t *testing.T) {
	needRoot(t)
	program(t, "nft")
	shell(t, "nft", "add table inet corporate; add chain inet corporate forwarding { type filter hook forward priority 0; policy drop; }")
	t.Cleanup(func() { shell(t, "nft", "delete table inet corporate") })
	var log strings.Builder
	cfg := instance(t, "aaaa0001")
	cfg.Log = logTo(&log)
	n := open(t, cfg)
	attach(t, n, task(1))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "corporate") || !strings.Contains(log.String(), "baaaa0001-*") {
		t.Errorf("the log names neither the chain that drops nor the links:\n%s", log.String())
	}
}

func TestForwardingIsPutBackByTheLastInstance(t *testing.T) {
	one, two := instance(t, "aaaa0001"), instance(t, "bbbb0002")
	for _, cfg := range []Config{one, two} {
		attach(t, open(t, cfg), task(1))
	}
	forwarded := func() string { b, _ := os.ReadFile(ipForward); return strings.TrimSpace(string(b)) }
	for i, want := range []string{"1", "0"} {
		if err := Clean(context.Background(), []Config{one, two}[i]); err != nil {
			t.Fatal(err)
		}
		if got := forwarded(); got != want {
			t.Errorf("after Clean of instance %d ip_forward is %s, want %s", i+1, got, want)
		}
	}
}

func TestTasksReachTheInternetBesideDocker(t *testing.T) {
	needRoot(t)
	startDocker(t)
	if rules := shell(t, "iptables", "-S", "FORWARD"); !strings.Contains(rules, "-P FORWARD DROP") {
		t.Fatalf("this dockerd does not set FORWARD to DROP:\n%s", rules)
	}
	before := strings.Count(shell(t, "iptables", "-S"), "\n")
	shell(t, "sysctl", "-q", "-w", "net.bridge.bridge-nf-call-iptables=1")
	n := open(t, instance(t, "aaaa0001"))
	serve(t, internetNS, "internet")
	a, b := attach(t, n, task(1)), attach(t, n, task(2))
	serve(t, b.NetNS, "two")
	wantGet(t, a.NetNS, internet.Addr(), "internet to "+hostUplink.Addr().String())
	wantGet(t, a.NetNS, task(2).Address, "two to "+task(1).Address.String())
	wantGet(t, hostNS, b.HostAddress, "two to "+task(2).Gateway.String())

	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Clean(context.Background(), n.cfg); err != nil {
		t.Fatal(err)
	}
	if after := strings.Count(shell(t, "iptables", "-S"), "\n"); after != before {
		t.Errorf("Docker's rules: %d before, %d after Clean", before, after)
	}
	if forward, _ := os.ReadFile(ipForward); strings.TrimSpace(string(forward)) != "1" {
		t.Error("Clean turned off the forwarding that Docker needs")
	}
}

// startDocker runs a dockerd of the test's own on the test's host. Docker's rules are gone after the test.
func startDocker(t *testing.T) {
	t.Helper()
	dockerd := program(t, "dockerd")
	dir, err := os.MkdirTemp("/run", "docker")
	if err != nil {
		t.Fatal(err)
	}
	socket, log := filepath.Join(dir, "docker.sock"), filepath.Join(dir, "log")
	output, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(dockerd, "--host", "unix://"+socket, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--storage-driver", "vfs")
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		select {
		case <-exited:
		case <-time.After(20 * time.Second):
			_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
			<-exited
		}
		for _, args := range [][]string{{"-P", "FORWARD", "ACCEPT"}, {"-F"}, {"-X"}, {"-t", "nat", "-F"}, {"-t", "nat", "-X"}} {
			shell(t, "iptables", args...)
		}
		_ = exec.Command("ip", "link", "del", "docker0").Run()
		_ = os.WriteFile(ipForward, []byte("0"), 0)
	})
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", socket)
	}}}
	eventually(t, 60*time.Second, "dockerd answers", func() bool {
		select {
		case <-exited:
			text, _ := os.ReadFile(log)
			t.Fatalf("dockerd ended:\n%s", text)
		default:
		}
		response, err := client.Get("http://docker/_ping")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return string(body) == "OK"
	})
}
