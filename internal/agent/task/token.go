package task

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

// makeToken makes t.token: what the names of the task's containers begin with in the paths of its metadata endpoint. Where other tasks
// reach the listener too, it is one that they can't guess; it stays the same in every agent's life.
func (t *task) makeToken() error {
	if mode := t.payload.NetworkMode; mode == "awsvpc" || mode == "none" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(t.dir(), "token"))
	if errors.Is(err, os.ErrNotExist) {
		if t.progress.Created { // by an agent that named them by the task's id
			return nil
		}
		if _, err = t.file("token", []byte(rand.Text())); err == nil {
			text, err = os.ReadFile(filepath.Join(t.dir(), "token"))
		}
	}
	if err != nil {
		return err
	}
	t.token = string(text)
	return nil
}
