package image

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata/boltutil"
	"github.com/containerd/errdefs"
	"go.etcd.io/bbolt"
)

// A pull holds what it brings by a lease of the image's name. One that is cut off, be it by the end of this process, leaves
// the lease, and the next pull of the name goes on from there: whole layers are not fetched again, and a layer of which a
// part is here is fetched from that part on.

const (
	pullPrefix = "pull/"
	// keptFor is how long the leavings of a pull wait for the next one, unless the disk fills up before.
	keptFor     = 24 * time.Hour
	labelExpire = "containerd.io/gc.expire"
)

// pulling counts the pulls of each name that are under way.
type pulling struct {
	mu    sync.Mutex
	names map[string]int
}

// holdPull leases what is brought in under the returned context until done is called: then it is collected unless the pull
// is unfinished, or an image refers to it.
func (s *Store) holdPull(ctx context.Context, name string) (_ context.Context, done func(finished bool), err error) {
	lease := leases.Lease{ID: pullPrefix + name}
	s.pulling.mu.Lock()
	defer s.pulling.mu.Unlock()
	if s.pulling.names[name] == 0 {
		if err := s.renew(ctx, lease); err != nil {
			return nil, nil, err
		}
	}
	s.pulling.names[name]++
	return leases.WithLease(ctx, lease.ID), func(finished bool) {
		s.pulling.mu.Lock()
		defer s.pulling.mu.Unlock()
		if s.pulling.names[name]--; s.pulling.names[name] > 0 {
			return
		}
		delete(s.pulling.names, name)
		if finished { // one that can't be deleted now expires
			_ = s.leases.Delete(context.WithoutCancel(ctx), lease)
			s.soil()
		}
	}, nil
}

// renew makes a pull's lease, or lets the one that is there last anew with all that it holds.
func (s *Store) renew(ctx context.Context, lease leases.Lease) error {
	return s.meta.Update(func(tx *bbolt.Tx) error {
		ctx := boltutil.WithTransaction(ctx, tx)
		held, err := s.leases.ListResources(ctx, lease)
		switch {
		case err == nil:
			err = s.leases.Delete(ctx, lease)
		case errdefs.IsNotFound(err):
			err = nil
		}
		if err != nil {
			return err
		}
		if _, err := s.leases.Create(ctx, leases.WithID(lease.ID), leases.WithExpiration(keptFor)); err != nil {
			return err
		}
		for _, resource := range held {
			if err := s.leases.AddResource(ctx, lease, resource); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropUnfinished lets go of what pulls left that nobody has gone on with: those of before, or all. It says whether there was any.
func (s *Store) dropUnfinished(ctx context.Context, before time.Time, all bool) (dropped bool, err error) {
	held, err := s.leases.List(ctx)
	if err != nil {
		return false, err
	}
	s.pulling.mu.Lock()
	defer s.pulling.mu.Unlock()
	for _, lease := range held {
		name, ok := strings.CutPrefix(lease.ID, pullPrefix)
		if !ok || s.pulling.names[name] > 0 {
			continue
		}
		if expires, err := time.Parse(time.RFC3339, lease.Labels[labelExpire]); !all && err == nil && expires.After(before) {
			continue
		}
		if err := s.leases.Delete(ctx, lease); err != nil && !errdefs.IsNotFound(err) {
			return dropped, err
		}
		dropped = true
	}
	if dropped {
		s.soil()
	}
	return dropped, nil
}
