package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/store"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
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

// logged is how many times each byte is written: into the log and into the database.
const logged = 2

func (b *backend) Commit(ctx context.Context, batch store.Batch) (store.Outcome, error) {
	b.disk.Take(logged * batch.Size())
	if batch.Grows() {
		if err := b.disk.Room(); err != nil {
			b.tendSoon()
			return store.Outcome{}, fmt.Errorf("%w: %w", store.ErrFull, err)
		}
	}
	request := requestOf(batch)
	var got *pb.TxnResponse
	err := patiently(ctx, func() (err error) {
		got, err = b.kv.Txn(ctx, request)
		return rpctypes.Error(err)
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

// requestOf is a batch as etcd takes it: one transaction under the guard, with one of its own for each mutation.
func requestOf(batch store.Batch) *pb.TxnRequest {
	r := &pb.TxnRequest{Success: make([]*pb.RequestOp, len(batch.Mutations))}
	if batch.Guard != nil {
		r.Compare = []*pb.Compare{compare(*batch.Guard)}
	}
	for i, m := range batch.Mutations {
		own := &pb.TxnRequest{Compare: make([]*pb.Compare, len(m.Compares)), Success: make([]*pb.RequestOp, len(m.Writes))}
		for j, c := range m.Compares {
			own.Compare[j] = compare(c)
		}
		for j, w := range m.Writes {
			own.Success[j] = write(w)
		}
		r.Success[i] = &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: own}}
	}
	return r
}

func compare(c store.Compare) *pb.Compare {
	out := &pb.Compare{Key: []byte(c.Key), Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: c.Revision}}
	if c.Prefix {
		out.RangeEnd = []byte(clientv3.GetPrefixRangeEnd(c.Key))
		out.Result, out.TargetUnion = pb.Compare_LESS, &pb.Compare_ModRevision{ModRevision: c.Revision + 1}
	}
	return out
}

func write(w store.Write) *pb.RequestOp {
	if w.Delete {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(w.Key)}}}
	}
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(w.Key), Value: w.Value}}}
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
