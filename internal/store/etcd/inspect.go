package etcd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.uber.org/zap"
)

// What can be wrong with the state on disk.
var (
	// ErrMissing: the installation had state, and it is not there any more.
	ErrMissing = errors.New("the state is missing")
	// ErrDamaged: etcd can't read its files.
	ErrDamaged = errors.New("the state is damaged")
	// ErrForeign: the state is that of another installation, or not Berth's.
	ErrForeign = errors.New("the state belongs to something else")
)

const whatNow = "restore the data directory from a backup, or delete it as a whole to begin anew without what it held"

func damaged(dir string, err error) error {
	return fmt.Errorf("%w: %s: %w; %s", ErrDamaged, dir, err, whatNow)
}

// inspect sees to it that etcd never makes a new state in place of one that is missing, whole or in part, and that it doesn't get files
// to read that it can't: it does so in goroutines whose panics end the process, and waits for ever for what is not in its log.
func inspect(c Config) error {
	err := whole(c.Dir)
	if err == nil || !c.Fresh {
		return err
	}
	// The first start was cut short before the state was whole: nothing was answered from it.
	if err := os.RemoveAll(filepath.Join(c.Dir, "member")); err != nil {
		return fmt.Errorf("clear what an interrupted first start left: %w", err)
	}
	return os.MkdirAll(c.Dir, 0o700)
}

// whole says what is missing or damaged.
func whole(dir string) error {
	log, db := filepath.Join(dir, "member", "wal"), filepath.Join(dir, "member", "snap", "db")
	haveLog, haveDB := wal.Exist(log), exists(db)
	switch {
	case haveLog && haveDB:
		return readable(dir, func() error {
			applied, err := checkDB(db)
			if err != nil {
				return fmt.Errorf("its database: %w", err)
			}
			if err := checkLog(log, applied); err != nil {
				return fmt.Errorf("its log: %w", err)
			}
			return nil
		})
	case haveLog:
		return fmt.Errorf("%w: there is no %s; %s", ErrMissing, db, whatNow)
	case haveDB:
		return fmt.Errorf("%w: there is no log in %s; %s", ErrMissing, log, whatNow)
	}
	return fmt.Errorf("%w: there is none in %s; %s", ErrMissing, dir, whatNow)
}

// checkDB walks the whole database file and returns the index of the last log entry that it has.
func checkDB(path string) (applied uint64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if info.Size() == 0 {
		return 0, errors.New("it is empty")
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		if info.Size() < tx.Size() {
			return fmt.Errorf("it has %d bytes of %d", info.Size(), tx.Size())
		}
		if meta := tx.Bucket([]byte("meta")); meta != nil {
			if index := meta.Get([]byte("consistent_index")); len(index) == 8 {
				applied = binary.BigEndian.Uint64(index)
			}
		}
		return tx.ForEach(func(_ []byte, bucket *bbolt.Bucket) error {
			return bucket.ForEach(func(_, _ []byte) error { return nil })
		})
	})
	return applied, err
}

// checkLog reads the log from its last snapshot on. A record that was being written when the machine stopped is the end of it; but it
// can't end before what the database has.
func checkLog(dir string, applied uint64) error {
	snapshots, err := wal.ValidSnapshotEntries(zap.NewNop(), dir)
	if err != nil {
		return err
	}
	from := &walpb.Snapshot{}
	if n := len(snapshots); n > 0 {
		from = snapshots[n-1]
	}
	log, err := wal.OpenForRead(zap.NewNop(), dir, from)
	if err != nil {
		return err
	}
	defer log.Close()
	_, _, entries, err := log.ReadAll()
	if err != nil {
		return err
	}
	last := from.GetIndex()
	if n := len(entries); n > 0 {
		last = entries[n-1].GetIndex()
	}
	if last == 0 || last < applied {
		return fmt.Errorf("it ends at entry %d, and the database has %d of them", last, applied)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// identity is the key that says whose state this is.
const identity = "/berth/instance"

// identify compares the state's identity with the installation's, and writes it in a new state.
func (b *backend) identify(ctx context.Context) error {
	got, err := b.client.Get(ctx, identity)
	if err != nil {
		return damaged(b.config.Dir, err)
	}
	if len(got.Kvs) == 1 {
		if owner := string(got.Kvs[0].Value); owner != b.config.Instance {
			return fmt.Errorf("%w: %s holds the state of instance %s and this is instance %s; put back the directory that belongs here", ErrForeign, b.config.Dir, owner, b.config.Instance)
		}
		return nil
	}
	first, err := b.client.Get(ctx, "", clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithKeysOnly())
	if err != nil {
		return damaged(b.config.Dir, err)
	}
	if len(first.Kvs) > 0 {
		return fmt.Errorf("%w: %s holds an etcd that is not Berth's (its first key is %q); use another data directory", ErrForeign, b.config.Dir, first.Kvs[0].Key)
	}
	_, err = b.client.Put(ctx, identity, b.config.Instance)
	return err
}
