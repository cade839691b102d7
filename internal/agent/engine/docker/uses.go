package docker

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"
)

// usesFile keeps, in the agent's directory, when a task last needed which image.
const usesFile = "images.json"

func (e *Engine) readUses() (map[string]time.Time, error) {
	uses := map[string]time.Time{}
	err := readRecord(filepath.Join(e.config.Dir, usesFile), &uses)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return uses, err
}

// hold keeps an image for a task, until that is removed.
func (e *Engine) hold(task, name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if task != "" && !slices.Contains(e.holds[task], name) {
		e.holds[task] = append(e.holds[task], name)
	}
}

// noteUse notes that a task needs an image that Berth had Docker fetch. One that Docker had before is its owner's, and stays
// so when a task uses it.
func (e *Engine) noteUse(name string, fetched bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !fetched {
		uses, err := e.readUses()
		if _, ours := uses[name]; err != nil || !ours {
			return
		}
	}
	e.changeUses(func(uses map[string]time.Time) { uses[name] = time.Now() })
}

func (e *Engine) forgetUse(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changeUses(func(uses map[string]time.Time) { delete(uses, name) })
}

// changeUses writes the file anew. It is a record of convenience: without it an image stays longer. The caller holds mu.
func (e *Engine) changeUses(change func(map[string]time.Time)) {
	uses, err := e.readUses()
	if err == nil {
		before := maps.Clone(uses)
		if change(uses); maps.EqualFunc(uses, before, time.Time.Equal) {
			return
		}
		err = writeRecord(filepath.Join(e.config.Dir, usesFile), uses)
	}
	if err != nil {
		e.config.Log.Warn("when images were used is not kept", "error", err)
	}
}

// lastUse is when a task last needed an image; ours is false for one that Berth did not have fetched for any.
func (e *Engine) lastUse(name string) (last time.Time, ours bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	uses, err := e.readUses()
	if err != nil {
		return time.Time{}, false
	}
	last, ours = uses[name]
	return last, ours
}
