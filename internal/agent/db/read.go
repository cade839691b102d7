package db

import (
	"bytes"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"
)

// Identity returns the identity of that name; one that was never written has only its name.
func (d *DB) Identity(name string) (Identity, error) {
	found := Identity{Name: name}
	err := d.get(identitiesBucket, []byte(name), &found)
	return found, err
}

// Tasks returns all tasks, ordered by id.
func (d *DB) Tasks() ([]Task, error) { return all[Task](d, tasksBucket) }

// Progress returns how far a task came; of a task that has not begun only the id is set.
func (d *DB) Progress(task string) (Progress, error) {
	p := Progress{ID: task}
	err := d.get(progressBucket, []byte(task), &p)
	return p, err
}

// Reports returns all reports, ordered by task and, within one, by sequence.
func (d *DB) Reports() ([]Report, error) { return all[Report](d, reportsBucket) }

// Ended returns when each task ended that is remembered although nothing is left of it, by id.
func (d *DB) Ended() (map[string]time.Time, error) {
	ended := map[string]time.Time{}
	err := d.bolt.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(endedBucket).ForEach(func(key, value []byte) error {
			var at time.Time
			err := decode(endedBucket, key, value, &at)
			ended[string(key)] = at
			return err
		})
	})
	return ended, err
}

// Offset returns how far a container's output is shipped, 0 when nothing is known.
func (d *DB) Offset(task, container string) (int64, error) {
	var offset int64
	err := d.get(offsetsBucket, []byte(task+"/"+container), &offset)
	return offset, err
}

// get decodes the value of key into v, and leaves v alone when there is none.
func (d *DB) get(bucket, key []byte, v any) error {
	return d.bolt.View(func(tx *bbolt.Tx) error {
		if value := tx.Bucket(bucket).Get(key); value != nil {
			return decode(bucket, key, value, v)
		}
		return nil
	})
}

func decode(bucket, key, value []byte, v any) error {
	if err := json.Unmarshal(value, v); err != nil {
		return fmt.Errorf("%w: the value of %s %q: %w", ErrDamaged, bucket, key, err)
	}
	return nil
}

// all decodes every value of a bucket, in the order of the keys.
func all[T any](d *DB, bucket []byte) ([]T, error) {
	var values []T
	err := d.bolt.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(key, value []byte) error {
			var v T
			err := decode(bucket, key, value, &v)
			values = append(values, v)
			return err
		})
	})
	return values, err
}

func hasPrefix(key, prefix []byte) bool { return key != nil && bytes.HasPrefix(key, prefix) }
