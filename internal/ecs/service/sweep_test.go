package service

import (
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// age puts all that a service has had into the past.
func (w *world) age(name string, by time.Duration) {
	w.t.Helper()
	w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error {
		key := Key("default", name)
		for row := range w.Deployments.Find(here, ByService, key) {
			w.ok(w.Deployments.Modify(tx, here, row.ID, func(d *Deployment) error { d.CreatedAt = d.CreatedAt.Add(-by); return nil }))
		}
		for row := range w.Revisions.Find(here, ByService, key) {
			w.ok(w.Revisions.Modify(tx, here, row.ID, func(r *Revision) error { r.CreatedAt = r.CreatedAt.Add(-by); return nil }))
		}
		for row := range w.Events.Find(here, ByService, key) {
			w.ok(w.Events.Modify(tx, here, row.ID, func(e *Event) error { e.CreatedAt = e.CreatedAt.Add(-by); return nil }))
		}
		return w.Services.Modify(tx, here, key, func(v *Service) error { v.DeletedAt = v.DeletedAt.Add(-by); return nil })
	}))
}

func (w *world) swept() {
	w.t.Helper()
	w.ok((&sweeper{w.Scheduler, w.db}).sweep(w.ctx, time.Now()))
}

// left is how much of a service is kept: deployments, revisions and events.
func (w *world) left(name string) [3]int {
	key := Key("default", name)
	return [3]int{w.Deployments.Count(here, ByService, key), w.Revisions.Count(here, ByService, key), w.Events.Count(here, ByService, key)}
}

func TestWhatIsLongOverIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	for _, name := range []string{"deleted", "lives"} {
		w.create(`{"serviceName": "` + name + `", "taskDefinition": "bridged", "desiredCount": 0}`)
		w.update(`{"service": "` + name + `", "forceNewDeployment": true}`)
		w.tell(name, "something")
	}
	w.did("DeleteService", `{"service": "deleted"}`)
	w.inactive("deleted")
	w.swept()
	for _, name := range []string{"deleted", "lives"} {
		if got := w.left(name); got != [3]int{2, 2, 1} {
			t.Errorf("of %s, which is new, are left %v", name, got)
		}
	}
	w.age("deleted", 25*time.Hour)
	w.age("lives", 91*24*time.Hour)
	w.swept()
	if got := w.left("deleted"); got != [3]int{} || w.Known(here, "default", "deleted") {
		t.Errorf("of a service that was deleted yesterday are left %v", got)
	}
	// Both of its rollouts are still there, and one deployment is under way.
	if got := w.left("lives"); got != [3]int{1, 2, 1} {
		t.Errorf("of a service that lives are left %v", got)
	}
}

func TestTheNewestDeploymentsAreKept(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.create(`{"serviceName": "web", "taskDefinition": "bridged", "desiredCount": 0}`)
	for range mostDeployments + 4 {
		w.update(`{"service": "web", "forceNewDeployment": true}`)
		w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error { // what has no task is no rollout any more
			return w.Services.Modify(tx, here, Key("default", "web"), func(v *Service) error { v.Rollouts = v.Rollouts[:1]; return nil })
		}))
	}
	w.age("web", 2*time.Hour)
	w.swept()
	if got := w.left("web"); got[0] != mostDeployments || got[1] > mostDeployments+1 {
		t.Errorf("%v are left", got)
	}
	newest := answered[api.ListServiceDeploymentsResponse](w, "ListServiceDeployments", `{"service": "web"}`).ServiceDeployments[0]
	if newest.Status != "PENDING" {
		t.Errorf("the newest is %+v", newest)
	}
}

func TestRevisionsGoWithTheirTaskSets(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.create(`{"serviceName": "sets", "deploymentController": {"type": "EXTERNAL"}}`)
	body := `{"cluster": "default", "service": "sets", "taskDefinition": "bridged"}`
	gone := answered[api.CreateTaskSetResponse](w, "CreateTaskSet", body).TaskSet
	w.did("CreateTaskSet", body)
	w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error { return w.TaskSets.Delete(tx, here, PartKey("default", "sets", gone.Id)) }))
	w.swept()
	if got := w.left("sets"); got[1] != 2 {
		t.Errorf("%d revisions are left at once", got[1])
	}
	w.age("sets", 2*time.Hour)
	w.swept()
	if got := w.left("sets"); got[1] != 1 {
		t.Errorf("%d revisions are left of one task set", got[1])
	}
}
