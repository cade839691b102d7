package dispatch

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/ecs"
)

// An agent is told to stop a task behind a load balancer once it has drained, and not before, also one that connects meanwhile.
func TestATaskThatDrainsGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(id('a'), func(t *ecs.Task) { t.Status, t.RegisteredAt = ecs.Running, time.Now() })
		a := w.connect()
		manifest := must[acs.TaskManifestMessage](a)
		a.ack(manifest.MessageId)
		first := must[acs.PayloadMessage](a)
		a.ack(first.MessageId)
		w.change(id('a'), stop)
		w.change(id('a'), func(t *ecs.Task) { t.Status, t.DeregisteredAt = ecs.Deactivating, time.Now() })
		if p, ok := hear[acs.PayloadMessage](a, time.Minute); ok {
			t.Fatalf("told while it drains: %v", tasksOf(p))
		}
		a = w.connect()
		manifest = must[acs.TaskManifestMessage](a)
		if s := manifest.Tasks[0].DesiredStatus; s != "RUNNING" {
			t.Errorf("the manifest says %s", s)
		}
		a.ack(manifest.MessageId)
		a.ack(must[acs.PayloadMessage](a).MessageId)
		w.change(id('a'), func(t *ecs.Task) { t.Status = ecs.Stopping })
		synctest.Wait()
		equal(t, "once it has drained", tasksOf(must[acs.PayloadMessage](a)), "a:STOPPED")
	})
}
