package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/logs"
	service "github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/dispatch"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/unsupported"
	"github.com/berth-dev/berth/internal/wire/client"
)

const (
	account = "000000000000"
	region  = "us-east-1"
	taskARN = "arn:aws:ecs:us-east-1:000000000000:task/default/0123456789abcdef0123456789abcdef"
)

// operated is a Backend that counts what it is asked for.
type operated struct {
	health operator.Health
	asked  int
}

func (o *operated) Health(context.Context) operator.Health { return o.health }
func (o *operated) Images(context.Context) ([]operator.Image, error) {
	o.asked++
	return []operator.Image{}, nil
}
func (o *operated) ImportImage(context.Context, io.Reader) ([]operator.Image, error) {
	o.asked++
	return []operator.Image{}, nil
}
func (o *operated) PruneImages(context.Context, bool, time.Duration) ([]operator.Image, error) {
	o.asked++
	return []operator.Image{}, nil
}
func (o *operated) PullImage(context.Context, string) (operator.Image, error) {
	o.asked++
	return operator.Image{}, nil
}
func (o *operated) Volumes(context.Context) ([]operator.Volume, error) {
	o.asked++
	return []operator.Volume{}, nil
}
func (o *operated) RemoveVolume(context.Context, string) error { o.asked++; return nil }
func (o *operated) RemoveImage(context.Context, string) error  { o.asked++; return nil }
func (o *operated) Pulls(context.Context) []operator.Pull      { o.asked++; return nil }
func (o *operated) Published(context.Context) []operator.Published {
	o.asked++
	return []operator.Published{}
}
func (o *operated) Reset(context.Context) error { o.asked++; return nil }
func (o *operated) Output(context.Context, operator.OutputQuery) (operator.Output, error) {
	o.asked++
	return operator.Output{}, nil
}
func (o *operated) Unsupported(context.Context) unsupported.Record {
	o.asked++
	return unsupported.Record{}
}
func (o *operated) Down(context.Context, bool) error { o.asked++; return nil }

// world is a control plane with one task that runs.
type world struct {
	*Server
	endpoint string
	keys     iam.Keys
	operated operated
	room     error
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{}
	var err error
	if w.keys, err = iam.OpenKeys(filepath.Join(t.TempDir(), "keys")); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	events, err := journal.OpenPebble(t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { events.Close() })
	db := store.Memory()
	t.Cleanup(func() { db.Close() })
	w.Server = New(Config{
		DB: db, Journal: events, Keys: w.keys, Account: account, Region: region, Operator: &w.operated, Log: quiet,
		Endpoint: func() string { return w.endpoint }, Room: func() error { return w.room },
	})
	if err := db.Start(t.Context()); err != nil { // and no reconciler: one would bury a task without a machine
		t.Fatal(err)
	}
	served := httptest.NewServer(w.Wire)
	t.Cleanup(served.Close)
	w.endpoint = served.URL
	scope := store.Scope{Account: account, Region: region}
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		id := taskARN[strings.LastIndexByte(taskARN, '/')+1:]
		return w.ECS.Tasks.Put(tx, scope, id, &service.Task{ID: id, Cluster: "default", Status: service.Running})
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) as(key iam.Key, token string) *client.Client {
	return client.New(w.endpoint, client.Static(key.ID, key.Secret, token), region)
}

// verbs are the paths of the operator's API that are for the owner alone.
var verbs = [][2]string{
	{http.MethodGet, operator.PathImages}, {http.MethodDelete, operator.PathImages + "?name=x"}, {http.MethodPost, operator.PathImages},
	{http.MethodPost, operator.PathPull + "?name=x"}, {http.MethodPost, operator.PathPrune},
	{http.MethodGet, operator.PathPulls}, {http.MethodGet, operator.PathPublished}, {http.MethodGet, operator.PathUnsupported}, {http.MethodPost, operator.PathReset}, {http.MethodPost, operator.PathDown},
}

func TestOnlyTheOwnerOperates(t *testing.T) {
	w := start(t)
	agent, err := w.IAM.IssueAgent(t.Context(), "machine")
	if err != nil {
		t.Fatal(err)
	}
	task := w.IAM.IssueTask(iam.TaskRole{Account: account, TaskARN: taskARN, RoleARN: "arn:aws:iam::000000000000:role/task", Type: iam.TaskApplication})
	if _, err := client.Call(t.Context(), w.as(task.Key, task.Token), ecs.ListClusters, &ecs.ListClustersRequest{}); err != nil {
		t.Fatalf("the task's key does not work at all: %v", err)
	}
	for who, c := range map[string]*client.Client{
		"an agent": w.as(agent, ""), "a task": w.as(task.Key, task.Token), "a stranger": w.as(iam.Key{ID: "AKIASTRANGER", Secret: "x"}, ""),
	} {
		for _, verb := range verbs {
			if _, err := c.Do(t.Context(), verb[0], verb[1], nil); !hasStatus(err, http.StatusForbidden) {
				t.Errorf("%s: %v of %s: %v, want 403", who, verb[0], verb[1], err)
			}
		}
	}
	for _, verb := range verbs {
		r, err := http.NewRequestWithContext(t.Context(), verb[0], w.endpoint+verb[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("without a signature: %s %s: %s", verb[0], verb[1], answer.Status)
		}
	}
	if w.operated.asked != 0 {
		t.Fatalf("%d of these were done", w.operated.asked)
	}
	for _, verb := range verbs {
		if _, err := w.as(w.keys.Dev(), "").Do(t.Context(), verb[0], verb[1], nil); err != nil {
			t.Errorf("the owner: %s %s: %v", verb[0], verb[1], err)
		}
	}
	if w.operated.asked != len(verbs) {
		t.Errorf("%d of %d were done for the owner", w.operated.asked, len(verbs))
	}
}

func hasStatus(err error, status int) bool {
	var answered *client.Error
	return errors.As(err, &answered) && answered.Status == status
}

func TestHealthNeedsNoSignature(t *testing.T) {
	w := start(t)
	for status, want := range map[string]int{
		operator.OK: http.StatusOK, operator.Starting: http.StatusServiceUnavailable, operator.Impaired: http.StatusServiceUnavailable,
	} {
		w.operated.health = operator.Health{Status: status, Problems: []string{"so it is"}}
		answer, err := http.Get(w.endpoint + operator.PathHealth)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %s, want %d", status, answer.Status, want)
		}
		health, err := operator.AskHealth(t.Context(), w.endpoint)
		if err != nil || health.Status != status || len(health.Problems) != 1 {
			t.Errorf("%s: it says %+v, %v", status, health, err)
		}
	}
	answer, err := http.Post(w.endpoint+operator.PathHealth, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", answer.Status)
	}
}

func TestWithoutRoomOnlyWhatGrowsIsRefused(t *testing.T) {
	w := start(t)
	owner := w.as(w.keys.Dev(), "")
	if _, err := client.Call(t.Context(), owner, ecs.CreateCluster, &ecs.CreateClusterRequest{ClusterName: "c"}); err != nil {
		t.Fatal(err)
	}
	w.room = errors.New("the disk is full: so it is")
	_, err := client.Call(t.Context(), owner, ecs.CreateCluster, &ecs.CreateClusterRequest{ClusterName: "d"})
	if !hasStatus(err, http.StatusInternalServerError) || !strings.Contains(err.Error(), "ServerException: the disk is full: so it is") {
		t.Errorf("CreateCluster: %v", err)
	}
	_, err = client.Call(t.Context(), owner, logs.CreateLogGroup, &logs.CreateLogGroupRequest{LogGroupName: "g"})
	if !hasStatus(err, http.StatusServiceUnavailable) && !hasStatus(err, http.StatusInternalServerError) || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("CreateLogGroup: %v", err)
	}
	if _, err := client.Call(t.Context(), owner, ecs.ListClusters, &ecs.ListClustersRequest{}); err != nil {
		t.Errorf("ListClusters: %v", err)
	}
	if _, err := client.Call(t.Context(), owner, ecs.DeleteCluster, &ecs.DeleteClusterRequest{Cluster: "c"}); err != nil {
		t.Errorf("DeleteCluster: %v", err)
	}
}

// An agent that did not notice the reset drops what is numbered below what it has seen.
func TestAResetKeepsTheNumbersOfWhatAgentsWereSent(t *testing.T) {
	backend := store.NewMemory(store.MemoryConfig{})
	ours, copied := store.New(backend, store.Config{}), store.New(backend, store.Config{})
	t.Cleanup(func() { ours.Close(); copied.Close() })
	events, err := journal.OpenPebble(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { events.Close() })
	s := New(Config{DB: ours, Journal: events, Account: account, Region: region, Log: slog.New(slog.DiscardHandler)})
	numbers := store.NewTable[dispatch.Sequence](copied, "ecs", "sequence")
	for _, db := range []*store.DB{ours, copied} {
		if err := db.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	err = copied.Update(t.Context(), func(tx *store.Tx) error {
		return numbers.Put(tx, s.scope(), "instance", &dispatch.Sequence{Ceiling: 7})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.VPC.EnsureDefault(t.Context(), s.scope()); err != nil { // what it reads back of its own write includes the row
		t.Fatal(err)
	}
	if err := s.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = copied.Update(t.Context(), func(tx *store.Tx) error {
		if row, ok := numbers.GetTx(tx, s.scope(), "instance"); !ok || row.Ceiling != 7 {
			t.Errorf("the row is %+v, %v", row, ok)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
