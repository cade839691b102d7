package ecs

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// member makes a task that runs and is of the group.
func (w *world) member(n int, group string) string {
	w.t.Helper()
	task := &Task{ID: fmt.Sprintf("%032x", n), Cluster: "default", Group: group, Status: Running, Version: 1}
	if service, ok := strings.CutPrefix(group, "service:"); ok {
		task.Service = service
	}
	w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error { return w.Tasks.Create(tx, here, task.ID, task) }))
	return task.ID
}

func (w *world) protect(on bool, minutes *int32, tasks ...string) *api.UpdateTaskProtectionResponse {
	w.t.Helper()
	return got(w.UpdateTaskProtection(w.ctx, &api.UpdateTaskProtectionRequest{Cluster: "default", ProtectionEnabled: on, ExpiresInMinutes: minutes, Tasks: tasks}))(w)
}

func (w *world) protection(tasks ...string) *api.GetTaskProtectionResponse {
	w.t.Helper()
	return got(w.GetTaskProtection(w.ctx, &api.GetTaskProtectionRequest{Cluster: "default", Tasks: tasks}))(w)
}

// unserved is a world in which nothing places tasks, and nothing closes those that no agent reports.
func unserved(t *testing.T) *world {
	db := store.Memory()
	n := &network{interfaces: store.NewTable[Interface](db, "test", "interface")}
	w := &world{Service: New(db, n, Config{}), t: t, ctx: as(context.Background(), wire.User), db: db, network: n}
	w.ok(db.Start(t.Context()))
	w.cluster("default")
	return w
}

func TestProtectionLastsAsLongAsItWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := unserved(t)
		defer w.db.Close()
		task := w.member(1, "service:web")
		check := func(when string, want bool, until time.Time) {
			t.Helper()
			p := w.protection(task).ProtectedTasks[0]
			if p.ProtectionEnabled != want || !p.ExpirationDate.Equal(until) || p.TaskArn != TaskARN(here, "default", task) {
				t.Errorf("%s: %+v, want %v until %s", when, p, want, until)
			}
		}
		check("at first", false, time.Time{})
		w.protect(true, nil, task)
		check("without a time", true, time.Now().Add(2*time.Hour))
		time.Sleep(time.Hour)
		w.protect(true, new(int32(5)), task)
		check("counted anew", true, time.Now().Add(5*time.Minute))
		time.Sleep(5*time.Minute - time.Nanosecond)
		if !w.task(task).Protected(time.Now()) {
			t.Error("the protection ended early")
		}
		time.Sleep(time.Nanosecond)
		check("when it has expired", false, time.Time{})
		w.protect(true, new(int32(2880)), task)
		w.protect(false, nil, task)
		check("when it was ended", false, time.Time{})
		if v := w.task(task).Version; v != 1 {
			t.Errorf("version %d: protection is in no event", v)
		}
	})
}

func TestOnlyTasksOfServicesAreProtected(t *testing.T) {
	w := unserved(t)
	defer w.db.Close()
	own, service, stopping := w.member(1, "family:web"), w.member(2, "service:web"), w.member(3, "service:web")
	got(w.StopTask(w.ctx, &api.StopTaskRequest{Task: stopping}))(w)
	updated := w.protect(true, nil, own, service, service, id32, stopping)
	asked := w.protection(own, service, id32, stopping)
	for name, failures := range map[string][]api.Failure{"update": updated.Failures, "get": asked.Failures} {
		reasons := map[string]string{}
		for _, f := range failures {
			reasons[f.Arn] = f.Reason
		}
		for id, want := range map[string]string{own: "TASK_NOT_VALID", id32: "MISSING", stopping: "TASK_NOT_VALID"} {
			if got := reasons[TaskARN(here, "default", id)]; got != want {
				t.Errorf("%s: %s is %q, want %q", name, id, got, want)
			}
		}
		if len(failures) != 3 {
			t.Errorf("%s: %+v", name, failures)
		}
	}
	if len(updated.ProtectedTasks) != 1 || !updated.ProtectedTasks[0].ProtectionEnabled || len(asked.ProtectedTasks) != 1 {
		t.Errorf("%+v, %+v", updated.ProtectedTasks, asked.ProtectedTasks)
	}
}
