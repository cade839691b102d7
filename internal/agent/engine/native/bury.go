package native

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/berth-dev/berth/internal/agent/spool"
	"github.com/berth-dev/berth/internal/shim"
)

// buryTime bounds how long killed processes may take to disappear.
const buryTime = 10 * time.Second

// clear removes what a shim left running: processes and control groups. Its mounts went with its mount namespace.
func (e *Engine) clear(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, buryTime)
	defer cancel()
	group := e.group(id)
	return errors.Join(group.Kill(ctx), group.Remove(ctx))
}

// bury clears what a dead shim left and brings state, as last heard, up to what the shim wrote down; it ends there every
// container whose end is unknown.
func (e *Engine) bury(id, reason string, state *shim.TaskState) error {
	errs := []error{e.clear(context.Background(), id)}
	file := filepath.Join(e.dir(id), shim.StateFile)
	var written shim.TaskState
	if err := readJSON(file, &written); err == nil && written.Revision > state.Revision {
		*state = written
	}
	for i := range state.Containers {
		c := &state.Containers[i]
		if c.Status != shim.Stopped {
			c.Status, c.PID, c.FinishedAt, c.Error = shim.Stopped, 0, time.Now(), reason
		}
		if c.LogPath != "" {
			if err := spool.Seal(c.LogPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	state.Revision++
	return errors.Join(append(errs, writeJSON(file, *state))...)
}
