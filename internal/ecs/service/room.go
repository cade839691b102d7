package service

import (
	"context"
	"errors"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/ecs/service/plan"
	"github.com/berth-dev/berth/internal/store"
)

// fullness is what is remembered of launches of a service that found no room.
type fullness struct {
	times int       // in a row
	until time.Time // when to try again; by the monotonic clock
	zone  bool      // only one zone was asked for
}

// How long a service waits for room that nobody tells of, and how long one that only balances its zones does.
const (
	firstWait = 200 * time.Millisecond
	lastWait  = 30 * time.Second
	zoneWait  = 5 * time.Minute
	// tellAfter is how many launches in a row find no room until that is told: a task that is just ending makes some.
	tellAfter = 3
)

// fullness is what a plan has to know of it.
func (l *loop) fullness(key serviceKey, now time.Time) plan.Full {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.full[key]
	if f == nil {
		return plan.Full{}
	}
	left := time.Until(f.until)
	if left <= 0 {
		return plan.Full{}
	}
	return plan.Full{Until: now.Add(left), Zone: f.zone}
}

// found forgets that there was no room.
func (l *loop) found(key serviceKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.full, key)
}

// noRoom remembers that tasks of a service found no room, and tells of it when it goes on.
func (l *loop) noRoom(ctx context.Context, key serviceKey, text string, zone bool) error {
	l.mu.Lock()
	f := l.full[key]
	if f == nil {
		f = &fullness{}
		l.full[key] = f
	}
	wait := min(firstWait<<min(f.times, 16), lastWait)
	f.times++
	if f.zone = zone; zone {
		wait = zoneWait
	}
	f.until = time.Now().Add(wait)
	tell := f.times >= tellAfter && !zone
	l.mu.Unlock()
	l.agenda.add(key) // it plans anew, with what it knows now
	if !tell {
		return nil
	}
	err := l.leader.Update(ctx, func(tx *store.Tx) error { return l.tellOnce(tx, key, plan.AboutPlacement, text) })
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// tellOnce tells of something that goes on, once in six hours.
func (l *loop) tellOnce(tx *store.Tx, key serviceKey, about, text string) error {
	v, ok := l.Services.GetTx(tx, key.scope, key.key)
	now := time.Now().UTC()
	if !ok || v.Status != Active || !plan.Tell(v.Told, about, now) {
		return nil
	}
	told := *v
	told.Told = map[string]time.Time{about: now}
	for other, at := range v.Told {
		if other != about {
			told.Told[other] = at
		}
	}
	told.Version++
	if err := l.Tell(tx, key.scope, &told, now, plan.Event(v.Name, text)); err != nil {
		return err
	}
	return l.Services.Put(tx, key.scope, key.key, &told)
}

// roomPause is how long what was made is left to the placer to see, and to others to make more.
const roomPause = 50 * time.Millisecond

// roomMade has those tried again that found no room.
func (l *loop) roomMade() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.full) == 0 || l.making {
		return
	}
	l.making = true
	time.AfterFunc(roomPause, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.making = false
		for key, f := range l.full {
			f.until = time.Time{}
			l.agenda.add(key)
		}
	})
}

// sameForServices tells whether a change of an instance is none that services care for.
func sameForServices(a, b *ecs.Instance) bool {
	if a.Status != b.Status || (a.Session == nil) != (b.Session == nil) || len(a.Attributes) != len(b.Attributes) {
		return false
	}
	for i := range a.Attributes {
		if a.Attributes[i] != b.Attributes[i] {
			return false
		}
	}
	return true
}

// Why tasks find no room, as ECS words it.
const (
	unableToPlace = "was unable to place a task"
	guide         = " For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
)

func placeReason(reason string) string {
	return unableToPlace + ". Reason: " + withStop(reason) + guide
}

// unplaced is the text of the event that tasks of an order found no room.
func unplaced(o ecs.Order, failures []api.Failure) string {
	const none = unableToPlace + " because no container instance met all of its requirements."
	if len(failures) == 0 {
		return none + " Reason: No Container Instances were found in your cluster." + guide
	}
	f := failures[0]
	_, instance, ok := strings.Cut(f.Arn, ":container-instance/")
	if !ok || o.LaunchType == api.LaunchTypeFargate {
		return placeReason(f.Reason)
	}
	verdict := placement.Verdict{Instance: instance[strings.LastIndexByte(instance, '/')+1:], Obstacle: placement.Obstacle(f.Reason), Detail: f.Detail}
	return none + " The closest matching (container-instance " + verdict.Instance + ") " + verdict.Sentence() + "." + guide
}

func withStop(text string) string { return strings.TrimSuffix(text, ".") + "." }
