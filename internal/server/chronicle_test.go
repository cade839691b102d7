package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/store"
)

func TestOnlyTheOwnerAsksWhatHappened(t *testing.T) {
	w := start(t)
	task := w.IAM.IssueTask(iam.TaskRole{Account: account, TaskARN: taskARN, RoleARN: "arn:aws:iam::000000000000:role/task", Type: iam.TaskApplication})
	for _, path := range []string{operator.PathEvents, operator.PathWhy + "?cluster=default&name=0123", operator.PathUsage} {
		if _, err := w.as(task.Key, task.Token).Do(t.Context(), http.MethodGet, path, nil); !hasStatus(err, http.StatusForbidden) {
			t.Errorf("a task asks for %s: %v, want 403", path, err)
		}
		if _, err := w.as(w.keys.Dev(), "").Do(t.Context(), http.MethodGet, path, nil); err != nil {
			t.Errorf("the owner asks for %s: %v", path, err)
		}
		if _, err := w.as(w.keys.Dev(), "").Do(t.Context(), http.MethodPost, path, nil); !hasStatus(err, http.StatusMethodNotAllowed) {
			t.Errorf("POST to %s: %v", path, err)
		}
	}
}

func TestWhyFindsATaskByEveryName(t *testing.T) {
	w := start(t)
	ask := operator.NewClient(w.as(w.keys.Dev(), ""))
	scope := store.Scope{Account: account, Region: region}
	elsewhere := store.Scope{Account: account, Region: "eu-west-1"}
	put := func(scope store.Scope, id string, change func(*ecs.Task)) {
		task := &ecs.Task{ID: id, Cluster: "default", Definition: ecs.Revision{Family: "web", Number: 2}, Group: "blue/green", Status: ecs.Stopped,
			CreatedAt: time.Now(), EndingAt: time.Now(), StoppedAt: time.Now(), End: &ecs.Stop{Code: "TaskFailedToStart", Reason: "because"}}
		change(task)
		if err := w.config.DB.Update(t.Context(), func(tx *store.Tx) error { return w.ECS.Tasks.Put(tx, scope, id, task) }); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("c0de", 8)
	put(scope, "0124aaaa", func(t *ecs.Task) { t.CreatedAt = time.Now().Add(-time.Hour) })
	put(scope, "beef", func(t *ecs.Task) { t.StoppedAt = time.Now().Add(-time.Minute) })
	put(scope, long, func(t *ecs.Task) { t.Cluster = "other" })
	put(elsewhere, strings.Repeat("f", 32), func(*ecs.Task) {})
	for name, want := range map[string]string{
		"0124": "0124aaaa", "beef": "beef", "arn:aws:ecs:us-east-1:000000000000:task/default/0124aaaa": "0124aaaa",
		"web": "beef", "web:2": "beef", "blue/green": "beef", "": "0124aaaa", taskARN: "0123456789ab",
		"arn:aws:ecs:us-east-1:000000000000:task-definition/web:2": "beef", "other/" + long: "c0dec0dec0de", "arn:aws:ecs:us-east-1:000000000000:task/other/" + long: "c0dec0dec0de",
		"arn:aws:ecs:eu-west-1:000000000000:task/default/" + strings.Repeat("f", 32): "ffffffffffff",
	} {
		e, err := ask.Why(t.Context(), "default", name)
		if err != nil || !strings.HasPrefix(e.Verdict, "Task "+want+" ") {
			t.Errorf("%q: %q, %v; want it to be about %s", name, e.Verdict, err, want)
		}
	}
	for name, says := range map[string]string{"01": "several tasks", "web:1": "no task, family or group is named", "nobody": "no task, family or group is named"} {
		if _, err := ask.Why(t.Context(), "default", name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", name, err, says)
		}
	}
}

func TestWhoInterruptsAWrongNameIsToldWhereTheNamesAre(t *testing.T) {
	w := start(t)
	_, err := operator.NewClient(w.as(w.keys.Dev(), "")).Interrupt(t.Context(), "default", "nobody")
	if err == nil || !strings.Contains(err.Error(), `no task or family is named "nobody" in cluster default; `+"`berth ps --cluster default` lists") {
		t.Error(err)
	}
}

func TestEventsAreReadFromANumberAndWaitedFor(t *testing.T) {
	w := start(t)
	ask := operator.NewClient(w.as(w.keys.Dev(), ""))
	began := time.Now()
	events, err := ask.Events(t.Context(), operator.EventQuery{Wait: 10 * time.Millisecond})
	if err != nil || len(events.Events) != 0 || events.More || time.Since(began) < 10*time.Millisecond {
		t.Errorf("without a history: %+v, %v", events, err)
	}
	for _, query := range []string{"?after=x", "?last=-1", "?wait=soon", "?after=99999999999999999999"} {
		if _, err := w.as(w.keys.Dev(), "").Do(t.Context(), http.MethodGet, operator.PathEvents+query, nil); !hasStatus(err, http.StatusBadRequest) {
			t.Errorf("%s: %v, want 400", query, err)
		}
	}
}
