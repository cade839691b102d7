package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/sirupsen/logrus"

	"github.com/berth-dev/berth/internal/agent/retry"
)

const (
	// settle is how long the collector waits after something was let go, so that a hundred tasks that end together
	// cost one collection.
	settle = 500 * time.Millisecond
	// again is when it tries again after a failure, such as a disk too full to note what was deleted.
	again = time.Minute
)

// soil tells the collector that something was let go.
func (s *Store) soil() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// collect deletes, until the store closes, what no image and no lease refers to.
func (s *Store) collect() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.dirty:
		}
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(settle):
		}
		if err := s.Collect(s.ctx); err != nil && s.ctx.Err() == nil {
			time.AfterFunc(again, s.soil)
		}
	}
}

// Collect deletes at once all content and file systems that no image and no task refers to.
func (s *Store) Collect(ctx context.Context) error {
	s.collecting.Lock()
	defer s.collecting.Unlock()
	ctx = inside(ctx)
	err := s.garbage(ctx)
	if err != nil || s.unswept { // a failed round may have made the room that it lacked
		if err = s.suspect(ctx); err == nil {
			err = s.garbage(ctx)
		}
	}
	s.unswept = err != nil
	if err != nil {
		return fmt.Errorf("collect unused images: %w", s.explain(err))
	}
	return nil
}

// garbage removes what nothing refers to. Containerd stops at an unfinished download that is being removed meanwhile.
func (s *Store) garbage(ctx context.Context) error {
	for tries := 50; ; tries-- {
		failures := &warnings{}
		_, err := s.meta.GarbageCollect(failures.listen(ctx))
		err = errors.Join(err, errors.Join(failures.errs...))
		if !errors.Is(err, fs.ErrNotExist) || tries == 0 || !retry.Pause(ctx, 10*time.Millisecond) {
			return err
		}
	}
}

// suspect makes the next collection compare the directories with the database. Containerd does so only where the
// database lost an entry since the process began: an earlier one may have died between the two.
func (s *Store) suspect(ctx context.Context) error {
	const probe = "berth-probe"
	if _, err := s.snaps.Prepare(ctx, probe, ""); err != nil && !errdefs.IsAlreadyExists(err) {
		return err
	}
	if err := s.snaps.Remove(ctx, probe); err != nil {
		return err
	}
	b := newBlob("", []byte(probe))
	if err := content.WriteBlob(ctx, s.content, probe, bytes.NewReader(b.data), b.desc); err != nil {
		return err
	}
	return s.content.Delete(ctx, b.desc.Digest)
}

// warnings gathers what containerd's collector says to its log alone.
type warnings struct {
	mu   sync.Mutex
	errs []error
}

func (w *warnings) listen(ctx context.Context) context.Context {
	logger := &logrus.Logger{Out: io.Discard, Formatter: &logrus.TextFormatter{}, Level: logrus.WarnLevel, Hooks: logrus.LevelHooks{}}
	logger.AddHook(w)
	return log.WithLogger(ctx, logrus.NewEntry(logger))
}

// Levels implements logrus.Hook.
func (w *warnings) Levels() []logrus.Level {
	return []logrus.Level{logrus.WarnLevel, logrus.ErrorLevel}
}

// Fire implements logrus.Hook.
func (w *warnings) Fire(entry *logrus.Entry) error {
	failure := errors.New(entry.Message)
	if err, ok := entry.Data[logrus.ErrorKey].(error); ok {
		failure = fmt.Errorf("%s: %w", entry.Message, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, failure)
	return nil
}
