package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Cleanup says when images are removed that no task uses. The names are the ECS agent's (ECS_IMAGE_CLEANUP_INTERVAL and so
// on); that the disk has to be filling up first is Berth's, with the thresholds that the kubelet has. The zero value has
// the defaults.
type Cleanup struct {
	Disabled   bool
	Interval   time.Duration // between two looks; 30 min. A pull that is done has one too
	MinimumAge time.Duration // since an image was last used; 1 h
	PerCycle   int           // images removed by one look at most; 5
	// High and Low are percentages of the disk of the store: a look that finds more than High in use removes images until no
	// more than Low is, the one that was not used for longest first. 85 and 80.
	High, Low int

	// Used measures the disk, as a percentage. The store's own when nil.
	Used func() (int, error)
}

func (c *Cleanup) complete(dir string) {
	c.Interval = cmp.Or(c.Interval, 30*time.Minute)
	c.MinimumAge = cmp.Or(c.MinimumAge, time.Hour)
	c.PerCycle = cmp.Or(c.PerCycle, 5)
	c.High, c.Low = cmp.Or(c.High, 85), cmp.Or(c.Low, 80)
	if c.Used == nil {
		c.Used = func() (int, error) { return diskUsed(dir) }
	}
}

// diskUsed is how full the disk under dir is for those who may not take root's reserve.
func diskUsed(dir string) (int, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("measure the disk under %s: %w", dir, err)
	}
	used := fs.Blocks - fs.Bfree
	if used+fs.Bavail == 0 {
		return 0, nil
	}
	return int(used * 100 / (used + fs.Bavail)), nil
}

// looksAfter calls cleanUp until the store closes.
func (s *Store) looksAfter() {
	ticks := time.NewTicker(s.config.Cleanup.Interval)
	defer ticks.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticks.C:
		case <-s.grown:
		}
		if err := s.writeDown(s.ctx); err != nil && s.ctx.Err() == nil {
			s.config.Log.Warn("note when images were used", "error", err)
		}
		removed, err := s.cleanUp(s.ctx, s.config.Cleanup)
		for _, name := range removed {
			s.config.Log.Info("image removed: the disk fills up and no task uses it", "image", name)
		}
		if err != nil && s.ctx.Err() == nil {
			s.config.Log.Warn("remove images that no task uses", "error", err)
		}
	}
}

// hasGrown has the disk looked at soon.
func (s *Store) hasGrown() {
	select {
	case s.grown <- struct{}{}:
	default:
	}
}

// cleanUp is one look at the disk. It returns the names that it removed.
func (s *Store) cleanUp(ctx context.Context, c Cleanup) (removed []string, err error) {
	if c.Disabled {
		return nil, nil
	}
	used, err := c.Used()
	if err != nil || used <= c.High {
		return nil, err
	}
	if dropped, err := s.dropUnfinished(ctx, time.Now(), true); err != nil {
		return nil, err
	} else if dropped {
		if err := s.Collect(ctx); err != nil {
			return nil, err
		}
		if used, err = c.Used(); err != nil || used <= c.Low {
			return nil, err
		}
	}
	unused, err := s.unused(ctx, engine.PruneRequest{UnusedFor: c.MinimumAge})
	if err != nil {
		return nil, err
	}
	for _, image := range unused {
		if len(removed) == c.PerCycle {
			break
		}
		switch _, err := s.removeUnused(ctx, image); {
		case errors.Is(err, errInUse), errdefs.IsNotFound(err):
			continue
		case err != nil:
			return removed, err
		}
		removed = append(removed, image.Name)
		if err := s.Collect(ctx); err != nil {
			return removed, err
		}
		if used, err = c.Used(); err != nil || used <= c.Low {
			return removed, err
		}
	}
	return removed, nil
}
