package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
)

// taskRecord is what the agent's directory keeps of a task, written once its pause container is made.
type taskRecord struct{ Spec engine.TaskSpec }

// bridged says that the task's listener is wanted inside each of its containers' own networks: it shares none, and the
// address is not one of the host's.
func (r taskRecord) bridged() bool {
	s := r.Spec
	return s.NetNS == "" && !s.NoNetwork && carrier.IsMetadata(s.Listen)
}

// containerRecord is what the agent's directory keeps of a container, written once it is made.
type containerRecord struct {
	Name        string
	ID          string // Docker's
	ImageDigest string
	CreatedAt   time.Time
	Log         engine.LogSpec `json:",omitzero"`
	Restarts    bool           `json:",omitzero"`
	Own         bool           `json:",omitzero"` // it has namespaces of its own, which its pause container keeps
	// Run is the number of the last start that was asked for, and Before when the run before it began: by the two and by
	// when it began last, Docker's word, how often it was started is known whenever the agent died.
	Run    int
	Before time.Time `json:",omitzero"`
	Halted bool      `json:",omitzero"` // StopContainer was called: it never starts again
}

const (
	taskFile        = "task.json"
	containerSuffix = ".container.json"
)

func (e *Engine) containerFile(task, name string) string {
	return filepath.Join(e.dir(task), name+containerSuffix)
}

// writeRecord replaces a file by v as JSON.
func writeRecord(path string, v any) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// readRecord reads a file that writeRecord wrote. fs.ErrNotExist: there is none.
func readRecord(path string, v any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// recall makes a task known that an earlier agent left, nil if it left no record of it.
func (e *Engine) recall(id string) (*task, error) {
	t := newTask(e, id)
	err := readRecord(filepath.Join(e.dir(id), taskFile), &t.record)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(e.dir(id))
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), containerSuffix) {
			continue
		}
		var record containerRecord
		if err := readRecord(filepath.Join(e.dir(id), entry.Name()), &record); err != nil {
			return nil, err
		}
		t.boxes[record.Name] = newBox(t, record)
	}
	e.add(t)
	return t, nil
}

// add makes a task known and lets what follows it go.
func (e *Engine) add(t *task) {
	e.mu.Lock()
	e.tasks[t.id] = t
	e.mu.Unlock()
	t.begin()
}
