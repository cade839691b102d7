package ecs

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// liveTask is a task with all that an event may tell.
func liveTask() *Task {
	return &Task{ID: strings.Repeat("a", 32), Cluster: "default", Definition: Revision{Family: "web", Number: 3}, LaunchType: api.LaunchTypeFargate,
		Instance: "i", Group: "family:web", StartedBy: "me", CPULimit: 256, MemoryLimit: 512, Zone: "us-east-1a", Architecture: "x86_64",
		PlatformVersion: "1.4.0", PlatformFamily: "Linux", EphemeralGiB: 20,
		Tags: []api.Tag{{Key: "k", Value: "v"}}, CreatedAt: t0, ConnectedAt: t0.Add(1e9), PullStartedAt: t0.Add(2e9), PullStoppedAt: t0.Add(3e9),
		StartedAt: t0.Add(4e9), EndingAt: t0.Add(5e9), ExecutionStoppedAt: t0.Add(6e9), StoppedAt: t0.Add(7e9), Status: Stopped,
		End: &Stop{Code: api.TaskStopCodeEssentialContainerExited, Reason: "Essential container in task exited", At: t0.Add(5e9)}, Version: 6,
		Containers: []Container{
			{ID: "c1", Name: "main", Image: "img", Essential: true, Checked: true, Status: Stopped, RuntimeID: "r", ImageDigest: "sha256:d", ExitCode: new(int32(137)),
				Reason: "OutOfMemoryError", Health: api.HealthStatusHealthy, NetworkBindings: []api.NetworkBinding{{BindIP: "0.0.0.0", ContainerPort: new(int32(80))}}},
			{ID: "c2", Name: "side", Image: "img2", Status: Stopped, ExitCode: new(int32(0))}},
		Attachments: []Attachment{{ID: "att", Status: AttachmentDeleted, Interface: Interface{ID: "eni-1", Subnet: "subnet-1", MAC: "02:00", Address: "172.31.0.10", PrivateDNSName: "ip"}}}}
}

func TestAnEventSaysWhatEventBridgeDelivers(t *testing.T) {
	task := liveTask()
	c, err := readChange(appendTask(nil, here, task, t0.Add(8e9)))
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Tables: newTables(store.Memory())}
	s.config.History = history.NewMemory()
	value, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.config.History.Put(t.Context(), []history.Record{{Scope: here, ID: task.ID, Ended: task.StoppedAt, Value: value}}); err != nil {
		t.Fatal(err)
	}
	event, ok, err := s.eventOf(t.Context(), &c)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	got, err := json.Marshal(event, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/event-task.json"
	if *update {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(got, '\n'), want) {
		t.Errorf("the event is %s", got)
	}
}

// A change tells a task's past by its record of later.
func TestAChangeTellsWhatATaskWas(t *testing.T) {
	then := liveTask()
	then.Status, then.Version, then.StoppedAt, then.End, then.EndingAt = Running, 4, time.Time{}, nil, time.Time{}
	then.ExecutionStoppedAt = time.Time{}
	for i := range then.Containers {
		then.Containers[i].Status, then.Containers[i].ExitCode, then.Containers[i].Reason = Running, nil, ""
	}
	then.Attachments[0].Status = AttachmentAttached
	c, err := readChange(appendTask(nil, here, then, t0))
	if err != nil {
		t.Fatal(err)
	}
	if told := c.task.of(liveTask(), c.version); !reflect.DeepEqual(told, then) {
		t.Errorf("told as %+v\nit was  %+v", told, then)
	}
}

// goldenChange is a change as the first release with a journal wrote it, with a field that this one doesn't know.
const goldenChange = "0a0131" + "120172" + "1a0163" + "220174" + "2880e8a8caf967" + "3004" + "3a0752554e4e494e47" + "5080e8a8caf967" +
	"8a010c0a0752554e4e494e47120172" + "9201084154544143484544" + "f80601"

func TestRecordedChangesAreRead(t *testing.T) {
	task := &Task{ID: "t", Cluster: "c", Version: 2, Status: Running, ConnectedAt: time.UnixMilli(1785844800_000),
		Containers: []Container{{Status: Running, RuntimeID: "r"}}, Attachments: []Attachment{{Status: AttachmentAttached}}}
	written := hex.EncodeToString(appendTask(nil, store.Scope{Account: "1", Region: "r"}, task, time.UnixMilli(1785844800_000))) + "f80601"
	if written != goldenChange {
		t.Errorf("it is written as %s", written)
	}
	stored, err := hex.DecodeString(goldenChange)
	if err != nil {
		t.Fatal(err)
	}
	c, err := readChange(stored)
	if err != nil || c.id != "t" || c.cluster != "c" || c.version != 2 || c.scope.Region != "r" || c.task.status != Running ||
		len(c.task.containers) != 1 || c.task.containers[0].RuntimeID != "r" || !c.task.connected.Equal(task.ConnectedAt) || c.task.attachments[0] != "ATTACHED" {
		t.Errorf("read as %+v %+v, %v", c, c.task, err)
	}
}

func FuzzChange(f *testing.F) {
	f.Add(appendTask(nil, here, liveTask(), t0))
	f.Add(appendInstance(nil, here, &Instance{ID: "i", Cluster: "c"}, jsontext.Value("{}"), t0))
	f.Fuzz(func(t *testing.T, stored []byte) {
		c, err := readChange(stored)
		if err == nil && (c.id == "" || c.task == nil && c.instance == nil) {
			t.Errorf("%x is read as %+v", stored, c)
		}
	})
}

// recorded are the events since a number, as "RUNNING 3".
func (a *aged) recorded(after uint64, q EventQuery) (texts []string) {
	a.t.Helper()
	synctest.Wait()
	q.After, q.Limit = after, 2
	for {
		events, next, err := a.Events(a.ctx, q)
		a.ok(err)
		for _, e := range events {
			var d struct {
				LastStatus string
				Status     string
				Version    int
			}
			a.ok(json.Unmarshal(e.Event.Detail, &d, json.MatchCaseInsensitiveNames(true)))
			texts = append(texts, strings.TrimSpace(d.LastStatus+d.Status))
		}
		if next == q.After {
			return texts
		}
		q.After = next
	}
}

func (a *aged) set(id string, change func(*Task)) {
	a.t.Helper()
	a.ok(a.db.Update(a.ctx, func(tx *store.Tx) error {
		return a.Tasks.Modify(tx, here, id, func(t *Task) error {
			*t = *t.clone()
			t.Version++
			change(t)
			return nil
		})
	}))
}

func (a *aged) says(what string, got []string, want string) {
	a.t.Helper()
	if text := strings.Join(got, " "); text != want {
		a.t.Errorf("%s: %s; want %s", what, text, want)
	}
}

// recording runs a test in virtual time over a service of which only the recorder runs. restart ends it, does something, and begins
// another.
func recording(t *testing.T, test func(a *aged, restart func(meanwhile func()))) {
	synctest.Test(t, func(t *testing.T) {
		db, past := store.Memory(), &brittle{Memory: history.NewMemory()}
		a := &aged{world: &world{Service: New(db, nil, Config{History: past}), t: t, ctx: as(t.Context(), wire.User), db: db}, history: past}
		a.ok(db.Start(t.Context()))
		stop := func() {}
		restart := func(meanwhile func()) {
			stop()
			meanwhile()
			ctx, cancel := context.WithCancel(t.Context())
			over := make(chan struct{})
			go func() {
				defer close(over)
				(&recorder{service: a.Service, history: past, ended: newEndings()}).run(ctx)
			}()
			stop = func() { cancel(); <-over }
			a.after(2 * flushEvery)
		}
		restart(func() {})
		test(a, restart)
		stop()
		a.ok(db.Close())
	})
}

// move moves a task into the history.
func (a *aged) move(id string) {
	a.t.Helper()
	leader := got(a.db.Lead(a.ctx, "ecs"))(a.world)
	row, _ := a.Tasks.Get(here, id)
	m := &mover{service: a.Service, leader: leader, history: a.history, ended: newEndings(), recorded: func() int64 { return row.Revision }}
	if moved := got(m.move(a.ctx, []ending{{taskKey{here, id}, row.Value.StoppedAt}}))(a.world); moved != 1 || a.near() != 0 {
		a.t.Fatalf("%d moved, %d are in the state", moved, a.near())
	}
}

func TestEveryChangeOfATaskIsAnEvent(t *testing.T) {
	recording(t, func(a *aged, restart func(func())) {
		id := a.stopped(1, func(t *Task) { t.Status = Provisioning })
		a.after(flushEvery)
		a.set(id, func(t *Task) { t.Status = Pending })
		a.after(flushEvery)
		recorded := a.EventsRecorded()
		a.set(id, func(t *Task) { t.Status = Running })
		<-recorded
		a.set(id, func(t *Task) { t.Containers[0].Health = api.HealthStatusHealthy })
		a.set(id, func(t *Task) { t.Tags = nil })
		a.set(id, func(t *Task) { t.Status = Stopped; t.StoppedAt = time.Now() })
		a.after(flushEvery)
		a.says("all", a.recorded(0, EventQuery{}), "PROVISIONING PENDING RUNNING STOPPED")
		a.says("of the task", a.recorded(0, EventQuery{Task: id[:31]}), "PROVISIONING PENDING RUNNING STOPPED")
		a.says("of another task", a.recorded(0, EventQuery{Task: "f"}), "")
		a.says("of another cluster", a.recorded(0, EventQuery{Cluster: "c"}), "")
		a.says("since the last", a.recorded(a.LastEvent(), EventQuery{}), "")
		a.move(id)
		a.says("from the history", a.recorded(0, EventQuery{}), "PROVISIONING PENDING RUNNING STOPPED")
	})
}

func TestChangesOfContainerInstancesAreEvents(t *testing.T) {
	inTime(t, true, func(a *aged) {
		put := func(i Instance) {
			a.ok(a.db.Update(a.ctx, func(tx *store.Tx) error { return a.Instances.Put(tx, here, i.ID, &i) }))
			a.after(flushEvery)
		}
		i := Instance{ID: "i", Cluster: "default", Status: instanceActive, Version: 1}
		put(i)
		put(Instance{ID: "f", Cluster: "default", Pool: FargatePool, Status: instanceActive, Version: 1})
		put(i) // written, and not changed
		i.Session, i.Version = &Session{ID: "s", Server: a.server}, 2
		put(i)
		i.Status, i.Version = instanceDraining, 3
		put(i)
		a.says("all", a.recorded(0, EventQuery{}), "ACTIVE ACTIVE DRAINING")
		events, _, err := a.Events(a.ctx, EventQuery{Limit: 1})
		a.ok(err)
		if e := events[0].Event; e.DetailType != InstanceStateChange || e.Resources[0] != InstanceARN(here, "default", "i") {
			t.Errorf("the first is %+v", e)
		}
	})
}

// Who follows the events compares their versions with those that the API shows, to know whether an event is still to come.
func TestTheVersionIsThatOfTheLastEvent(t *testing.T) {
	recording(t, func(a *aged, _ func(func())) {
		id := a.stopped(1, func(t *Task) {
			t.Status, t.EndingAt, t.StoppedAt = Pending, time.Time{}, time.Time{}
			t.Containers[0] = Container{Name: "main", Essential: true, Checked: true, Status: Pending}
		})
		report := func(r TaskReport) { a.ok(a.ApplyTaskReport(a.ctx, here, id, r)) }
		health := func(h api.HealthStatus) {
			a.ok(a.ApplyHealth(a.ctx, here, id, map[string]HealthReport{"main": {Status: h}}))
			if got := a.task(id).Health(); got != h {
				t.Errorf("it is %s and not %s", got, h)
			}
		}
		for _, happen := range []func(){
			func() { report(TaskReport{PullStartedAt: time.Now()}) },
			func() { health(api.HealthStatusHealthy) },
			func() { health(api.HealthStatusUnhealthy) },
			func() { report(TaskReport{Status: Running}) },
			func() { report(TaskReport{Status: Stopped}) },
		} {
			happen()
			a.after(2 * flushEvery)
			events, _, err := a.Events(a.ctx, EventQuery{Limit: 100})
			a.ok(err)
			var last struct {
				LastStatus string `json:"lastStatus"`
				Version    int64  `json:"version"`
			}
			a.ok(json.Unmarshal(events[len(events)-1].Event.Detail, &last))
			if shown := a.task(id); last.Version != shown.Version || last.LastStatus != string(shown.Status) {
				t.Errorf("the task is %s, version %d; the last event says %s, version %d", shown.Status, shown.Version, last.LastStatus, last.Version)
			}
		}
	})
}

// What changed while nobody recorded is one change of each task afterwards.
func TestRecordingGoesOnWhereItEnded(t *testing.T) {
	recording(t, func(a *aged, restart func(func())) {
		id := a.stopped(1, func(t *Task) { t.Status = Pending })
		other := a.stopped(2, func(t *Task) { t.Status = Pending })
		a.after(flushEvery)
		restart(func() {
			a.set(id, func(t *Task) { t.Status = Running })
			a.set(id, func(t *Task) { t.Status = Stopping })
		})
		a.says("all", a.recorded(0, EventQuery{}), "PENDING PENDING STOPPING")
		restart(func() {})
		a.set(other, func(t *Task) { t.Status = Running })
		a.after(flushEvery)
		a.says("after another restart", a.recorded(0, EventQuery{}), "PENDING PENDING STOPPING RUNNING")

		a.ok(a.history.Append(a.ctx, nil, history.Marks{taskMark: 1 << 40})) // of another state
		restart(func() { a.set(other, func(t *Task) { t.Status = Stopping }) })
		a.set(other, func(t *Task) { t.Status = Stopped; t.StoppedAt = time.Now() })
		a.after(flushEvery)
		a.says("with a journal of another state", a.recorded(0, EventQuery{}), "PENDING PENDING STOPPING RUNNING STOPPING STOPPING STOPPED")
	})
}
