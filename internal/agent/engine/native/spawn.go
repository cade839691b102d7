package native

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
	"github.com/berth-dev/berth/internal/shim/cgroup"
)

// specFile holds the engine.TaskSpec in the task's directory, for the containers that a later agent creates.
const specFile = "spec"

// spawnTime bounds how long a shim may take to get ready.
const spawnTime = 20 * time.Second

// CreateTask starts the task's shim. A task that has one, or lost it, is left as it is; one that lost it before it had a
// container was perhaps never created, and is begun again.
func (e *Engine) CreateTask(ctx context.Context, spec engine.TaskSpec) error {
	if t := e.task(spec.Task); t != nil {
		if status, _, _ := t.now(); !status.Lost || len(status.Containers) > 0 {
			return nil
		}
	}
	if err := e.create(ctx, spec); err != nil {
		return &engine.Error{Kind: engine.ResourceInit, Err: err}
	}
	return nil
}

func (e *Engine) create(ctx context.Context, spec engine.TaskSpec) error {
	if spec.Task == "" || filepath.Base(spec.Task) != spec.Task {
		return fmt.Errorf("%q is no task id", spec.Task)
	}
	dir := e.dir(spec.Task)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return fmt.Errorf("start the task's shim: %w", err)
	}
	defer lock.Close()
	process, err := e.spawn(ctx, spec, lock)
	if err != nil {
		return errors.Join(err, e.clear(context.WithoutCancel(ctx), spec.Task), os.RemoveAll(dir))
	}
	t := newTask(e, spec.Task)
	t.process = process
	e.add(t)
	return nil
}

// spawn starts a shim in the directory and returns once it answers. It gets the lock, in a session and a mount namespace
// of its own, and moves itself to its control group.
func (e *Engine) spawn(ctx context.Context, spec engine.TaskSpec, lock *os.File) (*os.Process, error) {
	dir := e.dir(spec.Task)
	if err := writeJSON(filepath.Join(dir, specFile), spec); err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(dir, shim.TaskFile), shim.Task{
		Instance: e.config.Instance, Task: spec.Task, CPU: spec.CPU, CPUHard: spec.CPUHard, Memory: spec.Memory,
		SharedPID: spec.PIDMode == engine.TaskNamespace, SharedIPC: spec.IPCMode == engine.TaskNamespace, PIDs: cgroup.ProcessLimit(),
		NetNS: spec.NetNS, NoNetwork: spec.NoNetwork, Listen: spec.Listen, ListenIn: spec.ListenIn,
	}); err != nil {
		return nil, err
	}
	last, err := os.OpenFile(filepath.Join(dir, shim.ErrorFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer last.Close()
	ready, readyEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	cmd := exec.Command(e.program, "run", dir)
	cmd.Dir, cmd.Env = "/", []string{defaultPath, "GOMAXPROCS=2"}
	cmd.Stderr = last
	cmd.ExtraFiles = []*os.File{readyEnd, lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWNS}
	err = cmd.Start()
	readyEnd.Close()
	if err != nil {
		return nil, fmt.Errorf("start the task's shim: %w", err)
	}
	if err := awaitReady(ctx, ready); err != nil {
		cmd.Process.Kill()
		cmd.Process.Wait()
		return nil, fmt.Errorf("start the task's shim: %w", err)
	}
	return cmd.Process, nil
}

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func awaitReady(ctx context.Context, ready *os.File) error {
	ready.SetReadDeadline(time.Now().Add(spawnTime))
	defer context.AfterFunc(ctx, func() { ready.SetReadDeadline(time.Unix(1, 0)) })()
	line, err := bufio.NewReader(ready).ReadString('\n')
	switch line = strings.TrimSpace(line); {
	case line == "ok":
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case line != "":
		return errors.New(line)
	}
	return fmt.Errorf("it ended before it was ready: %w", err)
}

// writeJSON writes a file that holds nothing secret and is read by root alone.
func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
