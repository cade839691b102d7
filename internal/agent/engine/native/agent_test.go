package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// The agent that crash tests kill is this test program, started with agentEnv naming a plan. It brings every task of the
// plan to its end by the engine's calls alone: it keeps no record, so that each start makes all calls again.
const agentEnv = "BERTH_TEST_AGENT_PLAN"

// plan is what the agent is to run.
type plan struct {
	Instance, Dir, Run, Shim string
	Tasks                    []planned
}

// planned is one task of one container.
type planned struct {
	Task string
	Args []string // of the probe
	Stop int64    // after how many milliseconds of running it is stopped; 0: it ends by itself
	Runs int      // how often it runs, where that is more than once; it is stopped for good then
	Exec []string // of the probe: a further process, which the agent waits for
}

// shipped is where the agent writes the log lines it has read, one "offset text" a line.
func (p plan) shipped(task string) string { return filepath.Join(p.Dir, "shipped-"+task) }

// done is the file that says that a task has stopped and its log is shipped to the end.
func (p plan) done(task string) string { return filepath.Join(p.Dir, "done-"+task) }

func (p plan) machine() *machine {
	return &machine{instance: p.Instance, run: p.Run, dir: p.Dir, shim: p.Shim,
		images: &dirImages{dir: filepath.Join(p.Dir, "images"), lower: filepath.Join(p.Dir, "images", "lower")}}
}

// agentMain runs the agent if this process is to be one.
func agentMain() bool {
	path := os.Getenv(agentEnv)
	if path == "" {
		return false
	}
	if err := runAgent(path); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
	return true
}

func runAgent(path string) error {
	var p plan
	if err := readJSON(path, &p); err != nil {
		return err
	}
	m := p.machine()
	ctx := context.Background()
	e, err := New(ctx, m.config())
	if err != nil {
		return err
	}
	defer e.Close()
	errs := make([]error, len(p.Tasks))
	var running sync.WaitGroup
	for i, t := range p.Tasks {
		running.Go(func() {
			if err := p.bring(ctx, m, e, t); err != nil {
				errs[i] = fmt.Errorf("task %s: %w", t.Task, err)
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// bring brings one task to its end.
func (p plan) bring(ctx context.Context, m *machine, e *Engine, t planned) error {
	if err := e.CreateTask(ctx, engine.TaskSpec{Task: t.Task, NoNetwork: true}); err != nil {
		return err
	}
	c := m.container(t.Task, "app", t.Args...)
	c.Restarts = t.Runs > 1
	if err := e.CreateContainer(ctx, t.Task, c); err != nil {
		return err
	}
	var shipping sync.WaitGroup
	var shipErr error
	shipping.Go(func() { shipErr = p.ship(ctx, t.Task, c.Log.Dir) })
	if err := e.StartContainer(ctx, t.Task, "app"); err != nil {
		return err
	}
	if len(t.Exec) > 0 {
		if err := execute(ctx, e, t); err != nil {
			return err
		}
	}
	if t.Runs > 1 {
		if err := runAgain(ctx, e, t); err != nil {
			return err
		}
	}
	if t.Stop > 0 {
		time.Sleep(time.Duration(t.Stop) * time.Millisecond) // a user's whim
		if err := e.StopContainer(ctx, t.Task, "app", 5*time.Second); err != nil {
			return err
		}
	}
	shipping.Wait()
	if shipErr != nil {
		return shipErr
	}
	return os.WriteFile(p.done(t.Task), nil, 0o600)
}

// runAgain restarts the task's container whenever it has stopped, until it has run as often as it is to.
func runAgain(ctx context.Context, e *Engine, t planned) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	states, err := e.Watch(ctx, t.Task)
	if err != nil {
		return err
	}
	for s := range states {
		c := s.Containers[0]
		switch {
		case c.State != engine.Stopped:
		case c.Runs == t.Runs:
			return e.StopContainer(ctx, t.Task, "app", time.Second)
		default:
			if err := e.RestartContainer(ctx, t.Task, "app", c.Runs+1); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func execute(ctx context.Context, e *Engine, t planned) error {
	p, err := e.Exec(ctx, t.Task, "app", engine.ExecSpec{Cmd: append([]string{"/probe"}, t.Exec...)})
	if err != nil {
		return err
	}
	defer p.Close()
	_, err = io.Copy(io.Discard, p.Stdout())
	return err
}

// ship copies the spool to a file from where an earlier agent left off: what the file holds is the record of that.
func (p plan) ship(ctx context.Context, task, dir string) error {
	f, err := os.OpenFile(p.shipped(task), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	before, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	before = before[:bytes.LastIndexByte(before, '\n')+1]
	next := uint64(0)
	if len(before) > 0 {
		lines := bytes.Split(bytes.TrimSpace(before), []byte{'\n'})
		fmt.Sscan(string(lines[len(lines)-1]), &next)
		next++
	}
	if _, err := f.Seek(int64(len(before)), io.SeekStart); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(before))); err != nil {
		return err
	}
	r, err := spool.Open(dir, next)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	batch := make([]spool.Line, 50)
	for {
		n, err := r.Read(ctx, batch)
		var text bytes.Buffer
		for _, l := range batch[:n] {
			fmt.Fprintf(&text, "%d %s\n", l.Offset, l.Text)
			next = l.Offset + 1
		}
		if _, err := f.Write(text.Bytes()); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.Release(next); err != nil {
			return err
		}
	}
}
