//go:build linux

// Package dockertest runs a Docker daemon for a test, on a network that the test can't route to, as in a virtual machine: only
// its socket is within reach. Tests of the Docker engine and of what uses it call it.
package dockertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Daemon is a dockerd with a data directory, a network and a socket of its own.
type Daemon struct {
	Socket string
	Dir    string // all that is its own is in it

	net   netns.NsHandle
	cmd   *exec.Cmd
	ended chan struct{}
}

// Available says why there can be no daemon here, or nothing.
func Available() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("a Docker daemon needs root")
	}
	_, err := exec.LookPath("dockerd")
	return err
}

// Skip skips a test that can have no daemon here; it fails when CI says that it should have one.
func Skip(t testing.TB) {
	t.Helper()
	err := Available()
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatalf("missing for the test: %v", err)
	case err != nil:
		t.Skip(err)
	}
}

// New starts a daemon. End ends it.
func New() (*Daemon, error) {
	dir, err := os.MkdirTemp("", "berth-dockerd-")
	if err != nil {
		return nil, err
	}
	d := &Daemon{Dir: dir, Socket: filepath.Join(dir, "docker.sock")}
	if err := d.makeNetwork(); err != nil {
		return nil, err
	}
	if err := d.Start(); err != nil {
		d.End()
		return nil, err
	}
	return d, nil
}

// makeNetwork makes a network namespace with nothing but a loopback interface.
func (d *Daemon) makeNetwork() error {
	return onThread(func() error {
		ns, err := netns.New()
		if err != nil {
			return err
		}
		d.net = ns
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
}

// onThread runs do on a thread that is not used for anything after it.
func onThread(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- do()
	}()
	return <-done
}

// In runs do in the daemon's network.
func (d *Daemon) In(do func() error) error {
	return onThread(func() error {
		if err := netns.Set(d.net); err != nil {
			return err
		}
		return do()
	})
}

// Dial connects to an address as seen from the daemon's machine.
func (d *Daemon) Dial(address string) (conn net.Conn, err error) {
	err = d.In(func() error {
		conn, err = net.DialTimeout("tcp", address, 10*time.Second)
		return err
	})
	return conn, err
}

// Start starts the daemon, and returns once it answers.
func (d *Daemon) Start() error {
	log, err := os.OpenFile(filepath.Join(d.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	d.cmd = exec.Command("dockerd", "--host", "unix://"+d.Socket, "--data-root", filepath.Join(d.Dir, "data"), "--exec-root", filepath.Join(d.Dir, "exec"),
		"--pidfile", filepath.Join(d.Dir, "pid"), "--exec-opt", "native.cgroupdriver=cgroupfs", "--dns", "127.0.0.1")
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	d.ended = make(chan struct{})
	started := make(chan error)
	go func() { // the thread's network is the daemon's
		runtime.LockOSThread()
		err := netns.Set(d.net)
		if err == nil {
			err = d.cmd.Start()
		}
		started <- err
		if err == nil {
			_ = d.cmd.Wait()
			close(d.ended)
		}
	}()
	if err := <-started; err != nil {
		close(d.ended)
		return err
	}
	return d.answers(time.Minute)
}

func (d *Daemon) answers(within time.Duration) error {
	asker := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", d.Socket)
	}}}
	for deadline := time.Now().Add(within); time.Now().Before(deadline); {
		answer, err := asker.Get("http://docker/_ping")
		if err == nil {
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if string(text) == "OK" {
				return nil
			}
		}
		select {
		case <-d.ended:
			return fmt.Errorf("dockerd ended:\n%s", d.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("dockerd does not answer:\n%s", d.Log())
}

// Log is what the daemon has said.
func (d *Daemon) Log() string {
	text, _ := os.ReadFile(filepath.Join(d.Dir, "log"))
	return string(text[max(0, len(text)-8<<10):])
}

// Freeze has the daemon answer nothing until it gets SIGCONT, and returns once each of its threads has stopped.
func (d *Daemon) Freeze(t testing.TB) {
	t.Helper()
	d.Signal(unix.SIGSTOP)
	for end := time.Now().Add(10 * time.Second); ; {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", d.cmd.Process.Pid))
		if err != nil || len(threads) == 0 || time.Now().After(end) {
			t.Fatalf("dockerd does not stop: %d threads, %v", len(threads), err)
		}
		if !slices.ContainsFunc(threads, func(path string) bool {
			text, err := os.ReadFile(path)
			_, state, _ := strings.Cut(string(text), ") ")
			return err == nil && !strings.HasPrefix(state, "T")
		}) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Signal sends the daemon a signal.
func (d *Daemon) Signal(s unix.Signal) { _ = d.cmd.Process.Signal(s) }

// Stop ends the daemon, by SIGKILL, which its containers survive, or as an operator does. Start starts it again.
func (d *Daemon) Stop(kill bool) {
	if kill { // its containerd dies with it, and leaves a note that it runs
		_ = unix.Kill(-d.cmd.Process.Pid, unix.SIGKILL)
		<-d.ended
		_ = os.Remove(filepath.Join(d.Dir, "exec", "containerd", "containerd.pid"))
		return
	}
	d.Signal(unix.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(30 * time.Second):
		d.Signal(unix.SIGKILL)
		<-d.ended
	}
}

// Client returns a client of the daemon.
func (d *Daemon) Client() (*client.Client, error) {
	return client.New(client.WithHost("unix://" + d.Socket))
}

// End ends the daemon for good, and all that it has made.
func (d *Daemon) End() {
	if d.cmd != nil {
		d.Stop(false)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		killLeft(ctx, d.Dir)
	}
	d.net.Close()
	unmount(d.Dir)
	_ = os.RemoveAll(d.Dir)
}
