package enginetest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// execBox is a box with a task whose container "app" runs.
func execBox(t *testing.T, s Suite) (b *box, task string) {
	if s.Probe == nil {
		t.Skip("this engine starts no further processes")
	}
	b = openBox(t, s)
	task = b.task(s.Container("app", Behaviour{Kind: Sleeps}))
	b.settled(task, "app")
	return b, task
}

// exec starts the probe beside the container's own process.
func (b *box) exec(task string, with engine.ExecSpec, args ...string) engine.Process {
	b.Helper()
	with.Cmd = slices.Concat(b.Probe, args)
	p, err := b.Exec(b.ctx, task, "app", with)
	b.must(err)
	b.Cleanup(func() { p.Close() })
	return p
}

// outcome reads all that a process prints to its end.
func (b *box) outcome(p engine.Process) (stdout, stderr string, code int) {
	b.Helper()
	errs := make(chan string)
	go func() {
		text, _ := io.ReadAll(p.Stderr())
		errs <- string(text)
	}()
	text, err := io.ReadAll(p.Stdout())
	b.must(err)
	code, err = p.Wait(b.ctx)
	b.must(err)
	return string(text), <-errs, code
}

func execs(t *testing.T, s Suite) {
	b, task := execBox(t, s)
	for _, code := range []int{0, 3, 137} {
		if out, errs, got := b.outcome(b.exec(task, engine.ExecSpec{}, "exit", strconv.Itoa(code))); got != code || out != "" || errs != "" {
			t.Errorf("exit %d is %d, %q, %q", code, got, out, errs)
		}
	}
	p := b.exec(task, engine.ExecSpec{Stdin: true}, "copy")
	_, err := io.WriteString(p.Stdin(), "hello")
	b.must(errors.Join(err, p.Stdin().Close()))
	if out, errs, code := b.outcome(p); out != "hello" || errs != "5\n" || code != 0 {
		t.Errorf("%q, %q, %d", out, errs, code)
	}
	p = b.exec(task, engine.ExecSpec{}, "copy")
	if out, errs, code := b.outcome(p); out != "" || errs != "0\n" || code != 0 || p.Stdin() != nil {
		t.Errorf("without stdin: %q, %q, %d", out, errs, code)
	}
	if now := b.inspect(task).Containers[0]; now.State != engine.Running {
		t.Errorf("the container is %+v", now)
	}
}

func execFlood(t *testing.T, s Suite) {
	b, task := execBox(t, s)
	data := make([]byte, 8<<20)
	rand.Read(data)
	p := b.exec(task, engine.ExecSpec{Stdin: true}, "copy")
	go func() {
		p.Stdin().Write(data)
		p.Stdin().Close()
	}()
	if out, errs, code := b.outcome(p); !bytes.Equal([]byte(out), data) || errs != "8388608\n" || code != 0 {
		t.Errorf("%d bytes, %q, %d", len(out), errs, code)
	}
}

func execTerminal(t *testing.T, s Suite) {
	b, task := execBox(t, s)
	p := b.exec(task, engine.ExecSpec{TTY: true, Stdin: true, Size: engine.WindowSize{Width: 91, Height: 17}}, "terminal")
	screen := bufio.NewReader(p.Stdout())
	want := func(want string) {
		t.Helper()
		line, err := screen.ReadString('\n')
		if strings.TrimRight(line, "\r\n") != want {
			t.Errorf("%q, %v came, not %q", line, err, want)
		}
	}
	if first, err := screen.Peek(5); err == nil && string(first) == "0x0\r\n" { // old Dockers set the size once it has started
		want("0x0")
	}
	want("91x17")
	b.must(p.Resize(engine.WindowSize{Width: 120, Height: 40}))
	want("120x40")
	_, err := io.WriteString(p.Stdin(), "word\n")
	b.must(err)
	want("word") // a terminal's echo
	want("typed word")
	if _, errs, code := b.outcome(p); errs != "" || code != 0 {
		t.Errorf("it ended with %q and %d", errs, code)
	}
}

func execEnds(t *testing.T, s Suite) {
	b, task := execBox(t, s)
	p := b.exec(task, engine.ExecSpec{}, "stubborn")
	_, err := bufio.NewReader(p.Stdout()).ReadString('\n')
	b.must(err)
	b.must(b.StopContainer(b.ctx, task, "app", patience))
	if code, err := p.Wait(b.ctx); code != 137 || err != nil {
		t.Errorf("it ended with %d, %v", code, err)
	}
	if _, err := io.ReadAll(p.Stdout()); err != nil {
		t.Errorf("its output ended with %v", err)
	}
}

// alone waits until nothing but the container's own process runs.
func (b *box) alone(task string) {
	b.Helper()
	for b.ctx.Err() == nil {
		if out, _, _ := b.outcome(b.exec(task, engine.ExecSpec{}, "others")); out == "0\n" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Error("the process goes on")
}

func execClosed(t *testing.T, s Suite) {
	b, task := execBox(t, s)
	p := b.exec(task, engine.ExecSpec{}, "stubborn")
	_, err := bufio.NewReader(p.Stdout()).ReadString('\n')
	b.must(err)
	for range 2 {
		b.must(p.Close())
	}
	b.alone(task)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := p.Wait(ctx); errors.Is(err, context.DeadlineExceeded) {
		t.Error("a closed process is still waited for")
	}
}

func execAgent(t *testing.T, s Suite) {
	b, task := execBox(t, s)
	p := b.exec(task, engine.ExecSpec{}, "stubborn")
	_, err := bufio.NewReader(p.Stdout()).ReadString('\n')
	b.must(err)
	b.reopen()
	b.alone(task)
}

func execFails(t *testing.T, s Suite) {
	b, task := execBox(t, s)
	for what, cmd := range map[string][]string{"an absent program": {"/not/there"}, "no command": nil} {
		if _, err := b.Exec(b.ctx, task, "app", engine.ExecSpec{Cmd: cmd}); err == nil {
			t.Errorf("%s runs", what)
		} else {
			b.wantKind(err, engine.CannotExec)
		}
	}
	if _, err := b.Exec(b.ctx, task, "unknown", engine.ExecSpec{Cmd: s.Probe}); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("in an unknown container: %v", err)
	}
	if _, err := b.Exec(b.ctx, NewTask(), "app", engine.ExecSpec{Cmd: s.Probe}); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("in an unknown task: %v", err)
	}
	b.must(b.CreateContainer(b.ctx, task, s.Container("created", Behaviour{Kind: Sleeps})))
	b.must(b.StopContainer(b.ctx, task, "app", patience))
	for _, name := range []string{"created", "app"} {
		_, err := b.Exec(b.ctx, task, name, engine.ExecSpec{Cmd: slices.Concat(s.Probe, []string{"exit", "0"})})
		b.wantKind(err, engine.CannotExec)
	}
}
