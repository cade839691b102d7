package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/storage/wal"
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

// inspect sees to it that etcd never makes a new state in place of one that is missing, whole or in part.
func inspect(c Config) error {
	log, db := filepath.Join(c.Dir, "member", "wal"), filepath.Join(c.Dir, "member", "snap", "db")
	haveLog, haveDB := wal.Exist(log), exists(db)
	switch {
	case haveLog && haveDB:
		return nil
	case c.Fresh:
		// The first start was interrupted before the state was whole: nothing was answered yet.
		if err := os.RemoveAll(filepath.Join(c.Dir, "member")); err != nil {
			return fmt.Errorf("clear what an interrupted first start left: %w", err)
		}
		return os.MkdirAll(c.Dir, 0o700)
	case haveLog:
		return fmt.Errorf("%w: there is no %s; %s", ErrMissing, db, whatNow)
	case haveDB:
		return fmt.Errorf("%w: there is no log in %s; %s", ErrMissing, log, whatNow)
	}
	return fmt.Errorf("%w: there is none in %s; %s", ErrMissing, c.Dir, whatNow)
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
