package image

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/metadata/boltutil"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"go.etcd.io/bbolt"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// What an image's name remembers, as labels.
const (
	labelOrigin   = "berth.dev/origin"
	labelDockerID = "berth.dev/docker-id" // of what was copied from Docker
	labelCame     = "berth.dev/came"      // when it got the name; the database's own time changes with every label
	labelUsed     = "berth.dev/used"
)

// usage is which images are wanted at this moment, and when others last were. The times are kept in memory and written
// down now and then: what an end without warning loses of them makes an image look a little older.
type usage struct {
	mu     sync.Mutex
	claims map[string]int              // by name: while it is pulled, and got ready for a task
	used   map[digest.Digest]time.Time // not written down yet
}

// claim keeps a name from being removed for lack of use until the returned function is called. By then a lease of the
// task's holds the image, if one is to have it.
func (u *usage) claim(name string) (release func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.claims[name]++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.claims[name]--; u.claims[name] == 0 {
			delete(u.claims, name)
		}
	}
}

// touch notes that images were used just now.
func (u *usage) touch(targets ...digest.Digest) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, target := range targets {
		u.used[target] = time.Now()
	}
}

// came is when an image got its name.
func came(image images.Image) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, image.Labels[labelCame]); err == nil {
		return at
	}
	return image.UpdatedAt // of a Berth that did not note it
}

// last is when an image was last used, or else when it came.
func (u *usage) last(image images.Image) time.Time {
	last := came(image)
	if at, err := time.Parse(time.RFC3339, image.Labels[labelUsed]); err == nil && at.After(last) {
		last = at
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if at := u.used[image.Target.Digest]; at.After(last) {
		last = at
	}
	return last
}

// writeDown makes the times durable.
func (s *Store) writeDown(ctx context.Context) error {
	s.usage.mu.Lock()
	used := s.usage.used
	s.usage.used = map[digest.Digest]time.Time{}
	s.usage.mu.Unlock()
	if len(used) == 0 {
		return nil
	}
	err := s.meta.Update(func(tx *bbolt.Tx) error {
		ctx := boltutil.WithTransaction(ctx, tx)
		all, err := s.images.List(ctx)
		if err != nil {
			return err
		}
		for _, image := range all {
			at, ok := used[image.Target.Digest]
			if !ok {
				continue
			}
			if image.Labels == nil {
				image.Labels = map[string]string{}
			}
			image.Labels[labelUsed] = at.UTC().Format(time.RFC3339)
			if _, err := s.images.Update(ctx, image, "labels."+labelUsed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil { // they may be written the next time
		s.usage.mu.Lock()
		defer s.usage.mu.Unlock()
		for target, at := range used {
			if s.usage.used[target].Before(at) {
				s.usage.used[target] = at
			}
		}
	}
	return err
}

// leased returns what tasks hold.
func (s *Store) leased(ctx context.Context) (map[digest.Digest]bool, error) {
	held, err := s.leases.List(ctx)
	if err != nil {
		return nil, err
	}
	all := map[digest.Digest]bool{}
	for _, lease := range held {
		if !strings.HasPrefix(lease.ID, "task/") {
			continue
		}
		targets, err := s.targetsOf(ctx, lease.ID)
		if err != nil {
			return nil, err
		}
		for _, target := range targets {
			all[target] = true
		}
	}
	return all, nil
}

// targetsOf are the images that a lease holds.
func (s *Store) targetsOf(ctx context.Context, lease string) (targets []digest.Digest, err error) {
	resources, err := s.leases.ListResources(ctx, taskLease(strings.TrimPrefix(lease, "task/")))
	if errdefs.IsNotFound(err) { // released since
		return nil, nil
	}
	for _, r := range resources {
		if r.Type == "content" {
			targets = append(targets, digest.Digest(r.ID))
		}
	}
	return targets, err
}

// originOf says where an image came from.
func originOf(image images.Image) engine.Origin {
	switch origin := engine.Origin(image.Labels[labelOrigin]); {
	case image.Name == helloName:
		return engine.BuiltIn
	case origin == "": // of a Berth that did not note it: it may have been imported
		return engine.FromArchive
	default:
		return origin
	}
}

var errInUse = errors.New("a task uses it, or is about to")
