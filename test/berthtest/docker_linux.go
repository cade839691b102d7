package berthtest

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Tool is the path of a program that the test needs of the machine.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name)
	}
	return path
}

// StartDocker runs a dockerd until the end of the test, on a host of one's own (OnOwnHost): what it does to the host's
// firewall is undone after it. It returns the socket's path.
func StartDocker(t testing.TB) (socket string) {
	t.Helper()
	dockerd, iptables := Tool(t, "dockerd"), Tool(t, "iptables")
	dir, err := os.MkdirTemp("/run", "docker")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "docker.sock")
	log := filepath.Join(dir, "log")
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
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
			<-ended
		}
		for _, args := range [][]string{{"-P", "FORWARD", "ACCEPT"}, {"-F"}, {"-X"}, {"-t", "nat", "-F"}, {"-t", "nat", "-X"}} {
			if out, err := exec.Command(iptables, args...).CombinedOutput(); err != nil {
				t.Errorf("iptables %v: %v: %s", args, err, out)
			}
		}
		_ = exec.Command("ip", "link", "del", "docker0").Run()
		_ = os.WriteFile(ipForward, []byte("0"), 0)
		_ = os.RemoveAll(dir)
	})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	Eventually(t, time.Minute, "dockerd answers", func() bool {
		select {
		case <-ended:
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
	return socket
}
