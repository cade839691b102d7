// Package db is the agent's memory on disk: which identities it has, which tasks it was given and how far each came,
// and the reports that the control plane has not acknowledged. Everything the agent says it has done is in here first;
// an agent that starts again reads it, looks at the engine, and goes on. internal/agent and its session and task
// packages write it.
//
// The file is a bbolt database. Values are JSON objects that keep members this version does not know, so that an
// older agent can open what a newer one wrote. Credentials are never stored.
package db

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Format is the layout of the file that this agent writes and the highest it opens.
const Format = 1

// ErrDamaged is in the chain of the error of Open when the file is not an agent database or no longer whole.
var ErrDamaged = errors.New("the agent's database is damaged")

var (
	metaBucket       = []byte("meta")
	identitiesBucket = []byte("identities")
	tasksBucket      = []byte("tasks")
	progressBucket   = []byte("progress")
	reportsBucket    = []byte("reports")
	offsetsBucket    = []byte("offsets")
	endedBucket      = []byte("ended")

	formatKey = []byte("format")
)

// DB is an open database. Its methods may be called at the same time.
type DB struct {
	bolt    *bbolt.DB
	writes  chan write
	closing chan struct{}
	done    chan struct{}
}

// Open opens the database at path and makes it when there is none. One process has it open at a time. A file that is
// there and cannot be trusted is refused with ErrDamaged and left as it is: starting afresh would forget tasks that run.
func Open(path string) (*DB, error) {
	switch info, err := os.Stat(path); {
	case errors.Is(err, os.ErrNotExist):
		if err := create(path); err != nil {
			return nil, fmt.Errorf("create the agent's database %s: %w", path, err)
		}
	case err == nil && info.Size() == 0: // bbolt would begin a new one
		return nil, refusal(path, errors.New("it is empty"))
	}
	bolt, err := open(path)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("the agent's database %s is in use by another process", path)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("open the agent's database: %w", err)
	case err != nil:
		return nil, refusal(path, err)
	}
	if err := check(bolt); err != nil {
		_ = bolt.Close()
		if errors.Is(err, errNewer) {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return nil, refusal(path, err)
	}
	d := &DB{bolt: bolt, writes: make(chan write), closing: make(chan struct{}), done: make(chan struct{})}
	go d.commit()
	return d, nil
}

// Close waits for the writes under way and closes the file. Writes that come later fail.
func (d *DB) Close() error {
	close(d.closing)
	<-d.done
	return d.bolt.Close()
}

func refusal(path string, err error) error {
	return fmt.Errorf("%w: %s: %w; tasks that still run would be forgotten, so it is not replaced: "+
		"restore it from a copy, or remove what runs with `berth clean`", ErrDamaged, path, err)
}

// create makes the file beside its place and moves it there whole, so that an existing file was always complete once.
func create(path string) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	bolt, err := open(fresh)
	if err != nil {
		return err
	}
	err = bolt.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{metaBucket, identitiesBucket, tasksBucket, progressBucket, reportsBucket, offsetsBucket, endedBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(metaBucket).Put(formatKey, strconv.AppendInt(nil, Format, 10))
	})
	if err := errors.Join(err, bolt.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
