package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/disk"
)

// unpacking is an engine whose images have come whole and take a minute to unpack.
type unpacking struct{ engine.Engine }

func (unpacking) unpack(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return nil
	}
}

func (u unpacking) PullImage(ctx context.Context, _ engine.PullRequest, progress func(engine.PullProgress)) (engine.Image, error) {
	progress(engine.PullProgress{Status: "unpacking", Bytes: 10, Complete: 10})
	return engine.Image{}, u.unpack(ctx)
}

func (u unpacking) ImportImage(ctx context.Context, archive io.Reader, _ func(engine.PullProgress)) ([]engine.Image, error) {
	if _, err := io.Copy(io.Discard, archive); err != nil {
		return nil, err
	}
	return nil, u.unpack(ctx)
}

func TestImagesEndWhenTheDiskGetsFullAsTheyAreUnpacked(t *testing.T) {
	full := fmt.Errorf("%w: remove images", disk.ErrFull)
	for name, bring := range map[string]func(context.Context, *pulls) error{
		"pull": func(ctx context.Context, p *pulls) error {
			_, err := p.PullImage(ctx, engine.PullRequest{Reference: "app"}, nil)
			return err
		},
		"import": func(ctx context.Context, p *pulls) error {
			_, err := p.ImportImage(ctx, strings.NewReader("archive"), nil)
			return err
		},
	} {
		for _, room := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				p := watchPulls(unpacking{}, func() error {
					if room || time.Since(began) < time.Second {
						return nil
					}
					return full
				})
				err := bring(t.Context(), p)
				if took := time.Since(began); room && (err != nil || took != time.Minute) || !room && (!errors.Is(err, full) || took > 2*time.Second) {
					t.Errorf("%s, room %v: %v after %s", name, room, err, took)
				}
				if left := p.underWay(); len(left) > 0 {
					t.Errorf("%s, room %v: %v is under way", name, room, left)
				}
			})
		}
	}
}
