package berthtest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// Docker is a dockerd that runs until the end of a test.
type Docker struct {
	Socket string
	t      testing.TB
	client *http.Client
}

// StartDocker runs a dockerd until the end of the test, on a host of one's own (OnOwnHost): what it does to the host's
// firewall is undone after it. Arguments come after those that it is started with by itself.
func StartDocker(t testing.TB, args ...string) *Docker {
	t.Helper()
	dockerd, iptables := Tool(t, "dockerd"), Tool(t, "iptables")
	dir, err := os.MkdirTemp("/run", "docker")
	if err != nil {
		t.Fatal(err)
	}
	socket, log := filepath.Join(dir, "docker.sock"), filepath.Join(dir, "log")
	output, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(args, "--storage-driver") {
		args = append(args, "--storage-driver", "vfs")
	}
	cmd := exec.Command(dockerd, append([]string{"--host", "unix://" + socket, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid")}, args...)...)
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
	return &Docker{Socket: socket, t: t, client: client}
}

// Load has the daemon load a docker-archive tar.
func (d *Docker) Load(archive string) {
	d.t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		d.t.Fatal(err)
	}
	defer file.Close()
	d.ask(http.MethodPost, "/images/load", file)
}

// Tag gives an image another name, as `docker tag` does.
func (d *Docker) Tag(image, repository, tag string) {
	d.t.Helper()
	d.ask(http.MethodPost, "/images/"+image+"/tag?repo="+url.QueryEscape(repository)+"&tag="+url.QueryEscape(tag), nil)
}

func (d *Docker) ask(method, path string, body io.Reader) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, "http://docker"+path, body)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-tar")
	answer, err := d.client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode > 299 {
		d.t.Fatalf("docker: %s %s: %s %s %v", method, path, answer.Status, text, err)
	}
}
