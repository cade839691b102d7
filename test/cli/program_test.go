// Package cli uses the program as people do, who mistype, stand on full disks, press Ctrl-C and have no rights: every mistake
// gets one clear line, nothing is lost, and nothing is left over.
package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/test/berthtest"
)

// call is one run of the program.
type call struct {
	stdout, stderr string
	code           int
}

// progress are the lines that tell how far a verb is.
var progress = regexp.MustCompile(`(?m)^ *[0-9.]+s  .*\n`)

// line is what the program said of a mistake: one line, on standard error, for people.
func (c call) line(t *testing.T) string {
	t.Helper()
	line, rest, _ := strings.Cut(progress.ReplaceAllString(c.stderr, ""), "\n")
	if !strings.HasPrefix(line, "berth: ") || rest != "" {
		t.Errorf("the mistake is not told in one line:\n%s", c.stderr)
	}
	return line
}

// refused fails unless the call ended with the code and one line that says all of these.
func (c call) refused(t *testing.T, code int, says ...string) {
	t.Helper()
	if c.code != code {
		t.Errorf("it ended with %d, not %d; %s", c.code, code, c.stderr)
	}
	line := c.line(t)
	for _, want := range says {
		if !strings.Contains(line, want) {
			t.Errorf("%s\ndoes not say %q", line, want)
		}
	}
}

// berth runs the program for 40 seconds at most.
func berth(t *testing.T, args ...string) call {
	t.Helper()
	return run(t, exec.Command(berthtest.Program(t, "berth"), args...))
}

// run runs a command that has no more than 40 seconds.
func run(t *testing.T, cmd *exec.Cmd) call {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // of a program in the background that has the same output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(40*time.Second, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err := cmd.Wait()
	if !late.Stop() {
		t.Fatalf("%v goes on and on; so far it wrote\n%s%s", cmd.Args, &stdout, &stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return call{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// place is a new directory that everybody may enter, with what a Berth on it makes removed after the test.
func place(t *testing.T) (data string) {
	t.Helper()
	if os.Getuid() != 0 {
		berthtest.Missing(t, "root")
	}
	dir, err := os.MkdirTemp("", "berth-cli-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	data = filepath.Join(dir, "data")
	t.Cleanup(func() {
		removeAll(t, data)
		os.RemoveAll(dir)
	})
	return data
}

// removeAll ends what runs on the data directory and cleans it; nothing may be left of it on the machine.
func removeAll(t *testing.T, data string) {
	in, err := instance.Find(data)
	if err != nil {
		return // none began there, or the test has cleaned it
	}
	berth(t, "--data-dir", data, "down")
	if c := berth(t, "--data-dir", data, "clean"); c.code != 0 {
		t.Errorf("berth clean: %s", c.stderr)
	}
	if left := berthtest.Leftovers(t, in.ID); len(left) > 0 {
		t.Errorf("clean left %s", strings.Join(left, ", "))
	}
}

// decode decodes what a verb printed as JSON.
func decode[T any](t *testing.T, c call) T {
	t.Helper()
	var v T
	if c.code != 0 {
		t.Fatalf("it ended with %d: %s", c.code, c.stderr)
	}
	if err := json.Unmarshal([]byte(c.stdout), &v); err != nil {
		t.Fatalf("%v in\n%s", err, c.stdout)
	}
	return v
}

// foreground is a program that runs while the test goes on.
type foreground struct {
	*exec.Cmd
	output *output
	ended  chan struct{}
}

// start starts a program whose standard output and error go to one place.
func start(t *testing.T, cmd *exec.Cmd) *foreground {
	t.Helper()
	f := &foreground{Cmd: cmd, output: &output{}, ended: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go io.Copy(f.output, r)
	go func() { cmd.Wait(); close(f.ended) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-f.ended
		r.Close()
	})
	return f
}

// says waits until the program has written a text.
func (f *foreground) says(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(f.output.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not say %q but\n%s", text, f.output)
		}
	}
}

// ends waits for the end and returns the exit code.
func (f *foreground) ends(t *testing.T, within time.Duration) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	select {
	case <-f.ended:
	case <-ctx.Done():
		t.Fatalf("it did not end within %s; it wrote\n%s", within, f.output)
	}
	return f.ProcessState.ExitCode()
}
