// Package berthtest starts the real program for tests that cross packages: it runs bin/berth on a data directory of its
// own, kills it when asked, and removes all that it made. test/clients, test/faults and test/bench use it.
package berthtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/instance"
)

// Berth is a program that runs, or ran, on a data directory of its own.
type Berth struct {
	Dir      string
	Endpoint string
	args     []string
	t        testing.TB
	output   *lockedBuffer
	*life    // shared with what For returns
}

// life is the program's latest run.
type life struct {
	process *exec.Cmd
	ended   chan struct{}
}

// Root is the repository's root.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		if dir == "/" {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatalf("no go.mod above the working directory: %v", err)
	return ""
}

// Program is the path of a program that `make build` made.
func Program(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Root(t), "bin", name)
	if _, err := os.Stat(path); err != nil {
		Missing(t, "bin/"+name+" (run make build)")
	}
	return path
}

// Missing skips the test for want of a tool; where CI=true it fails it.
func Missing(t testing.TB, tool string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing", tool)
	}
	t.Skipf("%s is missing", tool)
}

// Start starts `berth dev` with the arguments on a new data directory, waits until it is ready, and cleans up after the test.
func Start(t testing.TB, args ...string) *Berth {
	t.Helper()
	b := New(t, args...)
	b.Restart()
	return b
}

// New makes a data directory for `berth dev` with the arguments, which is not started yet, and cleans up after the test.
func New(t testing.TB, args ...string) *Berth {
	t.Helper()
	if os.Getuid() != 0 {
		Missing(t, "root")
	}
	dir, err := os.MkdirTemp("", "berth-test-")
	if err != nil {
		t.Fatal(err)
	}
	b := &Berth{Dir: filepath.Join(dir, "data"), args: args, t: t, life: &life{}}
	t.Cleanup(func() {
		if b.process != nil {
			b.Kill()
		}
		if out, err := b.command("clean").CombinedOutput(); err != nil {
			t.Errorf("berth clean: %v\n%s", err, out)
		}
		os.RemoveAll(dir)
		if t.Failed() {
			t.Logf("what berth dev wrote:\n%s", b.output)
		}
	})
	return b
}

// For is the same Berth for a subtest, whose failure is then its own.
func (b *Berth) For(t testing.TB) *Berth {
	sub := *b
	sub.t = t
	return &sub
}

// Restart starts the program again on the same data directory and waits until it is ready.
func (b *Berth) Restart() {
	b.t.Helper()
	b.Launch()
	b.AwaitReady()
}

// AwaitReady waits until the program that was launched is ready.
func (b *Berth) AwaitReady() {
	b.t.Helper()
	out, err := b.command("wait", "ready", "--timeout", "30s").CombinedOutput()
	if err != nil {
		b.t.Fatalf("berth dev is not ready: %v\n%s\nwhat it wrote:\n%s", err, out, b.output)
	}
	in, err := instance.Find(b.Dir)
	if err != nil {
		b.t.Fatal(err)
	}
	announced, err := in.Announced()
	if err != nil {
		b.t.Fatal(err)
	}
	b.Endpoint = announced.Endpoint
}

// Launch starts the program, at its Endpoint if it has one, and does not wait for it.
func (b *Berth) Launch() {
	b.t.Helper()
	if b.output == nil {
		b.output = &lockedBuffer{}
	}
	listen := "127.0.0.1:0"
	if b.Endpoint != "" {
		listen = strings.TrimPrefix(b.Endpoint, "http://") // the agent and open clients expect it there
	}
	b.process = exec.Command(Program(b.t, "berth"), append([]string{"--data-dir", b.Dir, "dev", "--listen", listen}, b.args...)...)
	b.process.Stdout, b.process.Stderr = b.output, b.output
	b.process.Env = append(os.Environ(), "AWS_ENDPOINT_URL=", "AWS_PROFILE=")
	b.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := b.process.Start(); err != nil {
		b.t.Fatalf("start berth dev: %v", err)
	}
	b.ended = make(chan struct{})
	go func(p *exec.Cmd, ended chan struct{}) { p.Wait(); close(ended) }(b.process, b.ended)
}

// PID is the process id of `berth dev`.
func (b *Berth) PID() int { return b.process.Process.Pid }

// Kill ends the program by SIGKILL and waits for its end. Killing a dead one does nothing.
func (b *Berth) Kill() { b.end(syscall.SIGKILL, b.PID()) }

// KillGroup ends the program's whole process group by SIGKILL, as a supervisor would.
func (b *Berth) KillGroup() { b.end(syscall.SIGKILL, -b.PID()) }

func (b *Berth) end(signal syscall.Signal, pid int) {
	select {
	case <-b.ended:
		return
	default:
	}
	_ = syscall.Kill(pid, signal) // it may have ended just now
	select {
	case <-b.ended:
	case <-time.After(30 * time.Second):
		b.t.Errorf("berth dev did not end within 30 s of %v", signal)
	}
}

// Ended is closed once the program has ended.
func (b *Berth) Ended() <-chan struct{} { return b.ended }

// Wrote is what `berth dev` has written to its standard output and error.
func (b *Berth) Wrote() string { return b.output.String() }

// command is `berth ARGS` on this instance.
func (b *Berth) command(args ...string) *exec.Cmd {
	return exec.Command(Program(b.t, "berth"), append([]string{"--data-dir", b.Dir}, args...)...)
}

// Run runs `berth ARGS` and returns what it printed; it fails the test when that fails.
func (b *Berth) Run(args ...string) string {
	b.t.Helper()
	out, err := b.Try(args...)
	if err != nil {
		b.t.Fatalf("berth %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// Try runs `berth ARGS` for a minute at most and returns what it printed, and its standard error in the error.
func (b *Berth) Try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	plain := b.command(args...)
	cmd := exec.CommandContext(ctx, plain.Path, plain.Args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Background runs `berth ARGS` until stop, or the test's end.
func (b *Berth) Background(args ...string) (stop func()) {
	b.t.Helper()
	cmd := b.command(args...)
	if err := cmd.Start(); err != nil {
		b.t.Fatalf("berth %s: %v", strings.Join(args, " "), err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // by a signal: no success
	})
	b.t.Cleanup(stop)
	return stop
}

// Env is the environment in which clients talk to this Berth.
func (b *Berth) Env() []string {
	b.t.Helper()
	env := os.Environ()
	for line := range strings.Lines(b.Run("env", "--format", "dotenv")) {
		env = append(env, strings.TrimSpace(line))
	}
	return append(env, "AWS_PAGER=", "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_EC2_METADATA_DISABLED=true")
}

// AWS runs `aws ARGS` against this Berth, decodes its JSON answer (names match in any case) and fails the test when it fails.
func (b *Berth) AWS(answer any, args ...string) {
	b.t.Helper()
	out, err := b.TryAWS(args...)
	if err != nil {
		b.t.Fatalf("aws %s: %v", strings.Join(args, " "), err)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal([]byte(out), answer, json.MatchCaseInsensitiveNames(true)); err != nil {
		b.t.Fatalf("aws %s: %v in\n%s", strings.Join(args, " "), err, out)
	}
}

// TryAWS runs `aws ARGS` for two minutes at most.
func (b *Berth) TryAWS(args ...string) (string, error) {
	b.t.Helper()
	path, err := exec.LookPath("aws")
	if err != nil {
		Missing(b.t, "the aws command")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append(args, "--output", "json")...)
	cmd.Env = b.Env()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Eventually waits until ok returns true, and fails the test when it has not after the time.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// lockedBuffer is written by the program's output and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
