package etcd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/berth-dev/berth/internal/disk"
	"github.com/berth-dev/berth/internal/store"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// wasteful is how many free bytes the database may keep before it is defragmented, which stops writes for as long as it takes to copy
// what is live. It also has to be most of it.
const wasteful = 128 << 20

// untouched is how much of the disk, in bytes, is left to deletions: the process ends when etcd can't write, which makes the next file of
// its log, of 64 MB, ahead of time, and lets its database grow by 16 MB. Berth refuses what people ask for before that ([disk.Reserve]);
// what others write onto the disk, it can't.
const untouched = 96 << 20

// keep looks after the size of the state until the backend closes: it forgets history, gives free space back to the disk, and takes the
// alarm down when there is room again.
func (b *backend) keep() {
	ticker := time.NewTicker(b.config.UpkeepEvery)
	defer ticker.Stop()
	purged := b.purgeLog()
	defer func() { <-purged }()
	for {
		if err := b.tendNow(); err != nil && b.ctx.Err() == nil {
			b.config.Logger.Warn("the state's upkeep failed and will be tried again", "error", err)
		}
		select {
		case <-b.tend:
		case <-ticker.C:
		case <-b.ctx.Done():
			return
		}
	}
}

// purgeLog deletes files of the log that etcd no longer holds, until the backend closes. etcd would look every 30 s, in which a burst of
// writes leaves a gigabyte; the next start reads all of it.
func (b *backend) purgeLog() (done <-chan struct{}) {
	dir := filepath.Join(b.config.Dir, "member", "wal")
	done, failed := fileutil.PurgeFileWithDoneNotify(zap.NewNop(), dir, "wal", 1, 2*time.Second, b.ctx.Done())
	b.upkeep.Go(func() {
		<-done
		select {
		case err := <-failed:
			b.config.Logger.Warn("old files of the state's log stay", "error", err)
		default:
		}
	})
	return done
}

func (b *backend) tendSoon() {
	select {
	case b.tend <- struct{}{}:
	default:
	}
}

func (b *backend) tendNow() error {
	revision := b.server.KV().Rev()
	history := b.config.History
	full := b.full.Load() || b.disk.Room() != nil
	if full {
		history = 0
	}
	if revision-b.compacted.Load() > history {
		if err := b.Compact(b.ctx, revision-history); err != nil {
			return err
		}
	}
	size, used := b.server.Backend().Size(), b.server.Backend().SizeInUse()
	if free := size - used; full && free > size/8 || free > wasteful && free > size/2 {
		if err := b.defragment(size, used); err != nil {
			return err
		}
	}
	if err := b.reserve(); err != nil {
		return fmt.Errorf("reserve room for the database: %w", err)
	}
	return b.relieve()
}

// Compact waits until the old values are gone.
func (b *backend) Compact(ctx context.Context, revision int64) error {
	if revision <= b.compacted.Load() {
		return nil
	}
	if _, err := b.client.Compact(ctx, revision, clientv3.WithCompactPhysical()); err != nil {
		if err = storeError(err); !errors.Is(err, store.ErrCompacted) {
			return err
		}
	}
	b.compacted.Store(revision)
	return nil
}

// defragment makes the database anew, beside the old one, if the disk has room for what is in use of it.
func (b *backend) defragment(before, used int64) error {
	if disk.NewGuard(b.config.Dir, uint64(used)+untouched/2).Room() != nil {
		return nil
	}
	start := time.Now()
	if err := b.server.Backend().Defrag(); err != nil {
		return err
	}
	b.config.Logger.Info("the state was defragmented", "before", before, "after", b.server.Backend().Size(), "took", time.Since(start))
	return nil
}

// relieve takes the alarm down when a tenth of the quota is free.
func (b *backend) relieve() error {
	if !b.full.Load() || b.server.Backend().Size() > b.config.Quota/10*9 {
		return nil
	}
	alarm := clientv3.AlarmMember{MemberID: uint64(b.server.MemberID()), Alarm: etcdserverpb.AlarmType_NOSPACE}
	if _, err := b.client.AlarmDisarm(b.ctx, &alarm); err != nil {
		return err
	}
	b.full.Store(false)
	b.config.Logger.Info("the state has room again", "size", b.server.Backend().Size(), "quota", b.config.Quota)
	return nil
}

// readAlarm takes up an alarm of the time before this start.
func (b *backend) readAlarm(ctx context.Context) error {
	alarms, err := b.client.AlarmList(ctx)
	if err != nil {
		return err
	}
	b.full.Store(len(alarms.Alarms) > 0)
	return nil
}

func (b *backend) Health(context.Context) store.Health {
	be := b.server.Backend()
	return store.Health{
		Backend:   "etcd",
		Revision:  b.server.KV().Rev(),
		Compacted: b.compacted.Load(),
		Size:      be.Size(),
		InUse:     be.SizeInUse(),
		Quota:     b.config.Quota,
		Full:      b.full.Load(),
	}
}
