package db

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"
)

// errClosed is what a write gets after Close.
var errClosed = errors.New("the agent's database is closed")

// Batch is a set of changes that become durable together or not at all. The zero value is empty.
type Batch struct {
	changes []change
	err     error
}

type change struct {
	bucket, key, value []byte // value nil: delete
	prefix             bool   // delete all keys that begin with key
}

// PutIdentity writes an identity.
func (b *Batch) PutIdentity(i Identity) { b.put(identitiesBucket, []byte(i.Name), &i) }

// PutTask writes a task.
func (b *Batch) PutTask(t Task) { b.put(tasksBucket, []byte(t.ID), &t) }

// PutProgress writes how far a task came.
func (b *Batch) PutProgress(p Progress) { b.put(progressBucket, []byte(p.ID), &p) }

// DeleteTask forgets a task, its progress, its reports and its log offsets. PutEnded remembers that it was here.
func (b *Batch) DeleteTask(id string) {
	b.changes = append(b.changes,
		change{bucket: tasksBucket, key: []byte(id)},
		change{bucket: progressBucket, key: []byte(id)},
		change{bucket: reportsBucket, key: []byte(id + "/"), prefix: true},
		change{bucket: offsetsBucket, key: []byte(id + "/"), prefix: true})
}

// PutEnded remembers that a task of which nothing is left was here, so that a late payload does not run it again.
func (b *Batch) PutEnded(id string, at time.Time) { b.put(endedBucket, []byte(id), &at) }

// DeleteEnded forgets that a task was here.
func (b *Batch) DeleteEnded(id string) {
	b.changes = append(b.changes, change{bucket: endedBucket, key: []byte(id)})
}

// PutReport writes a report.
func (b *Batch) PutReport(r Report) { b.put(reportsBucket, reportKey(r.Task, r.Sequence), &r) }

// DeleteReport forgets a report, which the control plane has acknowledged.
func (b *Batch) DeleteReport(task string, sequence uint64) {
	b.changes = append(b.changes, change{bucket: reportsBucket, key: reportKey(task, sequence)})
}

// PutOffset writes how far a container's output is shipped.
func (b *Batch) PutOffset(task, container string, offset int64) {
	b.put(offsetsBucket, []byte(task+"/"+container), &offset)
}

func (b *Batch) put(bucket, key []byte, v any) {
	value, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		b.err = errors.Join(b.err, fmt.Errorf("encode %s %s: %w", bucket, key, err))
	}
	b.changes = append(b.changes, change{bucket: bucket, key: key, value: value})
}

func reportKey(task string, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(task+"/"), sequence)
}

type write struct {
	batch Batch
	done  chan error
}

// Write makes a batch durable. An error says that none of it is. A ctx that ends keeps a batch from being written that has not begun to
// be; one that has is waited for.
func (d *DB) Write(ctx context.Context, b Batch) error {
	if b.err != nil {
		return b.err
	}
	w := write{b, make(chan error, 1)}
	select {
	case d.writes <- w:
	case <-d.closing:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return <-w.done
}

// PutIdentity makes an identity durable, as Write does.
func (d *DB) PutIdentity(ctx context.Context, i Identity) error {
	var b Batch
	b.PutIdentity(i)
	return d.Write(ctx, b)
}

// commit owns writing. Batches that arrive while one transaction goes to disk share the next, so that a hundred tasks
// which start together wait for a few syncs and not for a hundred.
func (d *DB) commit() {
	defer close(d.done)
	for {
		var group []write
		select {
		case w := <-d.writes:
			group = append(group, w)
		case <-d.closing:
			return
		}
		for more := true; more && len(group) < 256; {
			select {
			case w := <-d.writes:
				group = append(group, w)
			default:
				more = false
			}
		}
		err := d.bolt.Update(func(tx *bbolt.Tx) error {
			for _, w := range group {
				for _, c := range w.batch.changes {
					if err := c.apply(tx.Bucket(c.bucket)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			err = fmt.Errorf("write the agent's database: %w", err)
		}
		for _, w := range group {
			w.done <- err
		}
	}
}

func (c change) apply(b *bbolt.Bucket) error {
	switch {
	case c.prefix:
		var keys [][]byte // a cursor skips a key after a delete
		cursor := b.Cursor()
		for k, _ := cursor.Seek(c.key); hasPrefix(k, c.key); k, _ = cursor.Next() {
			keys = append(keys, k)
		}
		for _, k := range keys {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
		return nil
	case c.value == nil:
		return b.Delete(c.key)
	default:
		return b.Put(c.key, c.value)
	}
}
