package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/store"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Snapshot reads the whole database, so it is where a damaged one shows.
func (b *backend) Snapshot(ctx context.Context, each func(store.Item) error) (revision int64, err error) {
	broken := readable(b.config.Dir, func() error {
		revision, err = b.snapshot(ctx, each)
		return nil
	})
	if broken != nil {
		return 0, broken
	}
	return revision, err
}

func (b *backend) snapshot(ctx context.Context, each func(store.Item) error) (int64, error) {
	end := clientv3.GetPrefixRangeEnd(store.Root)
	from, revision, limit := store.Root, int64(0), int64(1000)
	for {
		page, err := b.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(limit), clientv3.WithRev(revision))
		if err != nil {
			return 0, storeError(err)
		}
		if revision == 0 {
			revision = page.Header.Revision
		}
		for _, kv := range page.Kvs {
			if err := each(itemOf(kv)); err != nil {
				return 0, err
			}
		}
		if !page.More {
			return revision, nil
		}
		from = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
		limit = nextLimit(page.Kvs)
	}
}

// nextLimit makes pages of about 16 MB: etcd walks over all keys that are left for each page, so few large ones cost much less.
func nextLimit(page []*mvccpb.KeyValue) int64 {
	size := 1
	for _, kv := range page {
		size += len(kv.Value)
	}
	return min(max(int64(16<<20*len(page)/size), 16), 50_000)
}

func (b *backend) Watch(ctx context.Context, from int64, deliver func([]store.Change) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for got := range b.client.Watch(ctx, store.Root, clientv3.WithPrefix(), clientv3.WithRev(from)) {
		if err := got.Err(); err != nil {
			return storeError(err)
		}
		if len(got.Events) == 0 {
			continue
		}
		changes := make([]store.Change, len(got.Events))
		for i, event := range got.Events {
			changes[i] = store.Change{Item: itemOf(event.Kv), Deleted: event.Type == mvccpb.DELETE}
		}
		if err := deliver(changes); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func itemOf(kv *mvccpb.KeyValue) store.Item {
	return store.Item{Key: string(kv.Key), Value: kv.Value, Revision: kv.ModRevision}
}

func (b *backend) Commit(ctx context.Context, batch store.Batch) (store.Outcome, error) {
	if batch.Grows() {
		if err := b.disk.Room(); err != nil {
			b.tendSoon()
			return store.Outcome{}, fmt.Errorf("%w: %w", store.ErrFull, err)
		}
	}
	var guards []clientv3.Cmp
	if batch.Guard != nil {
		guards = []clientv3.Cmp{compare(*batch.Guard)}
	}
	mutations := make([]clientv3.Op, len(batch.Mutations))
	for i, m := range batch.Mutations {
		mutations[i] = clientv3.OpTxn(compares(m.Compares), writes(m.Writes), nil)
	}
	var got *clientv3.TxnResponse
	err := patiently(ctx, func() (err error) {
		got, err = b.client.Txn(ctx).If(guards...).Then(mutations...).Commit()
		return err
	})
	if err != nil {
		err = storeError(err)
		if errors.Is(err, store.ErrFull) {
			b.full.Store(true)
			b.tendSoon()
		}
		return store.Outcome{}, err
	}
	out := store.Outcome{Revision: got.Header.Revision, Fenced: !got.Succeeded, Applied: make([]bool, len(batch.Mutations))}
	if got.Succeeded {
		for i, r := range got.Responses {
			out.Applied[i] = r.GetResponseTxn().Succeeded
		}
	}
	if b.full.Load() || got.Header.Revision-b.compacted.Load() > 2*b.config.History {
		b.tendSoon()
	}
	return out, nil
}

func compares(compares []store.Compare) []clientv3.Cmp {
	cmps := make([]clientv3.Cmp, len(compares))
	for i, c := range compares {
		cmps[i] = compare(c)
	}
	return cmps
}

func compare(c store.Compare) clientv3.Cmp {
	if c.Prefix {
		return clientv3.Compare(clientv3.ModRevision(c.Key), "<", c.Revision+1).WithPrefix()
	}
	return clientv3.Compare(clientv3.ModRevision(c.Key), "=", c.Revision)
}

func writes(writes []store.Write) []clientv3.Op {
	ops := make([]clientv3.Op, len(writes))
	for i, w := range writes {
		if w.Delete {
			ops[i] = clientv3.OpDelete(w.Key)
		} else {
			ops[i] = clientv3.OpPut(w.Key, string(w.Value))
		}
	}
	return ops
}

// patiently repeats what etcd refuses because its log is too far ahead of what it has applied: nothing was done then.
func patiently(ctx context.Context, do func() error) error {
	wait := time.Millisecond
	for {
		err := do()
		if !errors.Is(err, rpctypes.ErrTooManyRequests) || wait > time.Second {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		wait *= 2
	}
}

// storeError says in the store's words what etcd says.
func storeError(err error) error {
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return fmt.Errorf("%w: %w", store.ErrCompacted, err)
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: %w; delete what is not needed", store.ErrFull, err)
	case errors.Is(err, rpctypes.ErrRequestTooLarge), errors.Is(err, rpctypes.ErrTooManyOps):
		return fmt.Errorf("%w: %w", store.ErrTooLarge, err)
	case errors.Is(err, rpctypes.ErrTooManyRequests), errors.Is(err, rpctypes.ErrDuplicateKey), errors.Is(err, rpctypes.ErrEmptyKey):
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrInDoubt, err)
}
