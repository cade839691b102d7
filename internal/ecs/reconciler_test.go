package ecs

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// inBubble runs a test in virtual time, over a service with a Fargate machine, an instance and their definitions.
func inBubble(t *testing.T, test func(w *world, machine, instance *Instance)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		w.cluster("default")
		w.define(webDefinition)
		w.define(hostDefinition)
		test(w, w.fargate(2048, 8192), w.instance(2048, 8192))
	})
}

func (w *world) run(r *api.RunTaskRequest) *Task {
	w.t.Helper()
	out := got(w.RunTask(w.ctx, r))(w)
	if len(out.Failures) > 0 {
		w.t.Fatalf("%+v", out.Failures)
	}
	arn := out.Tasks[0].TaskArn
	return w.task(arn[len(arn)-32:])
}

func onInstance() *api.RunTaskRequest { return &api.RunTaskRequest{TaskDefinition: "host"} }

func (w *world) report(t *Task, r TaskReport) {
	w.t.Helper()
	w.ok(w.ApplyTaskReport(w.ctx, here, t.ID, r))
}

func (w *world) stop(t *Task) {
	w.t.Helper()
	got(w.StopTask(w.ctx, &api.StopTaskRequest{Task: t.ID}))(w)
}

func (w *world) deregister(i *Instance) {
	w.t.Helper()
	got(w.DeregisterContainerInstance(w.ctx, &api.DeregisterContainerInstanceRequest{ContainerInstance: i.ID, Force: new(true)}))(w)
}

// wantStopped checks how a task has ended.
func (w *world) wantStopped(id string, code api.TaskStopCode, reason string) {
	w.t.Helper()
	synctest.Wait()
	t := w.task(id)
	why := t.Why()
	if t.Status != Stopped || t.StoppedAt.IsZero() || t.ExecutionStoppedAt.IsZero() || why == nil || why.Code != code || why.Reason != reason {
		w.t.Errorf("task %+v, why %+v; want STOPPED by %s: %s", t, why, code, reason)
	}
	for _, c := range t.Containers {
		if c.Status != Stopped {
			w.t.Errorf("container %+v", c)
		}
	}
	if n := w.interfaces(); n != 0 {
		w.t.Errorf("%d network interfaces are left", n)
	}
}

func TestAStoppedTaskLosesItsInterface(t *testing.T) {
	inBubble(t, func(w *world, machine, _ *Instance) {
		task := w.run(web(1))
		w.report(task, TaskReport{Status: Running})
		w.report(task, TaskReport{Status: Stopped})
		w.wantStopped(task.ID, api.TaskStopCodeEssentialContainerExited, reasonEssentialExited)
		if s := w.task(task.ID).Attachments[0].Status; s != AttachmentDeleted {
			t.Errorf("attachment %s", s)
		}
		if n := w.usedMemory(machine.Machine); n != 0 {
			t.Errorf("%d MiB are still taken", n)
		}
	})
}

func TestForcedDeregistrationClosesTheTasks(t *testing.T) {
	inBubble(t, func(w *world, _, i *Instance) {
		task := w.run(onInstance())
		w.report(task, TaskReport{Status: Running})
		w.deregister(i)
		w.wantStopped(task.ID, api.TaskStopCodeUserInitiated, "Container instance deregistration forced by user")
		version := w.task(task.ID).Version
		w.report(task, TaskReport{Status: Running, Containers: []api.ContainerStateChange{running("app")}})
		if v := w.task(task.ID).Version; v != version {
			t.Errorf("a late report changed a closed task")
		}
	})
}

func TestAnOrderToStopIsTheReasonOfAForcedEndToo(t *testing.T) {
	inBubble(t, func(w *world, _, i *Instance) {
		task := w.run(onInstance())
		w.stop(task)
		w.deregister(i)
		w.wantStopped(task.ID, api.TaskStopCodeUserInitiated, reasonUser)
	})
}

// A silent container instance keeps its tasks; a silent Fargate machine loses them after a while, and not sooner.
func TestSilentMachines(t *testing.T) {
	inBubble(t, func(w *world, machine, i *Instance) {
		never, ran, kept := w.run(web(1)), w.run(web(1)), w.run(onInstance())
		w.report(ran, TaskReport{Status: Running})
		w.report(kept, TaskReport{Status: Running})
		w.ok(w.AgentDisconnected(w.ctx, here, machine.ID, "session"))
		w.ok(w.AgentDisconnected(w.ctx, here, i.ID, "session"))
		time.Sleep(4*time.Minute + 50*time.Second)
		synctest.Wait()
		if s := w.task(ran.ID).Status; s != Running {
			t.Fatalf("given up early: %s", s)
		}
		time.Sleep(20 * time.Second)
		const reason = "The machine that the task was on has not answered for 5m0s."
		w.wantStopped(ran.ID, api.TaskStopCodeTerminationNotice, reason)
		w.wantStopped(never.ID, api.TaskStopCodeTaskFailedToStart, reason)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if s := w.task(kept.ID).Status; s != Running {
			t.Errorf("a silent instance lost its task: %s", s)
		}
	})
}

func TestAMachineThatComesBackKeepsItsTasks(t *testing.T) {
	inBubble(t, func(w *world, machine, _ *Instance) {
		task := w.run(web(1))
		w.report(task, TaskReport{Status: Running})
		for range 10 {
			w.ok(w.AgentDisconnected(w.ctx, here, machine.ID, "session"))
			time.Sleep(4 * time.Minute)
			w.ok(w.AgentConnected(w.ctx, here, machine.ID, "session", Agent{}))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := w.task(task.ID).Status; s != Running {
			t.Errorf("status %s", s)
		}
	})
}

// A task that was ordered to stop before its instance can have heard of it is closed without waiting for the instance.
func TestUndeliveredTasksAreClosedAtTheOrderToStop(t *testing.T) {
	inBubble(t, func(w *world, _, i *Instance) {
		late := w.run(onInstance())
		w.ok(w.AgentDisconnected(w.ctx, here, i.ID, "session"))
		time.Sleep(time.Second)
		// Placed a moment before the placer heard of the end of the session.
		never := late.clone()
		never.ID, never.CreatedAt = newID(), time.Now().UTC()
		w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error { return w.Tasks.Create(tx, here, never.ID, never) }))
		w.stop(late)
		w.stop(never)
		w.wantStopped(never.ID, api.TaskStopCodeUserInitiated, reasonUser)
		if s := w.task(late.ID); s.Status != Pending || s.Desired() != api.DesiredStatusStopped {
			t.Errorf("what may have been delivered is %s", s.Status)
		}
	})
}

func TestStoppedTasksAreKeptForAnHourAndTheNewestLonger(t *testing.T) {
	inBubble(t, func(w *world, _, i *Instance) {
		add := func(n int) {
			w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error {
				for range n {
					task := &Task{ID: newID(), Cluster: "default", Status: Stopped, StoppedAt: time.Now().UTC()}
					w.ok(w.Tasks.Create(tx, here, task.ID, task))
				}
				return nil
			}))
		}
		for range 11 {
			add(100)
			time.Sleep(time.Minute)
		}
		time.Sleep(48 * time.Minute)
		synctest.Wait()
		if n := w.Tasks.Len(here); n != 1100 {
			t.Fatalf("%d of 1100 within the hour", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := w.Tasks.Len(here); n != 1000 {
			t.Errorf("%d after the hour, want the newest 1000", n)
		}
		w.deregister(i)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if _, ok := w.Instances.Get(here, i.ID); ok {
			t.Error("a deregistered instance is kept for ever")
		}
	})
}

// After a restart agents have time to come back: the silence of the server's own absence is not theirs.
func TestARestartIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := store.NewMemory(store.MemoryConfig{})
		start := func() (*world, func()) {
			db := store.New(backend, store.Config{})
			n := &network{interfaces: store.NewTable[Interface](db, "test", "interface")}
			w := &world{Service: New(db, n, Config{}), t: t, ctx: as(t.Context(), wire.User), db: db, network: n}
			w.ok(db.Start(t.Context()))
			return w, w.start()
		}
		w, stop := start()
		w.cluster("default")
		w.define(webDefinition)
		machine := w.fargate(2048, 4096)
		task := w.run(web(1))
		w.report(task, TaskReport{Status: Running})
		stop()
		time.Sleep(24 * time.Hour)

		w, stop = start()
		defer stop()
		if i, _ := w.Instances.Get(here, machine.ID); w.connected(i.Value) {
			t.Error("a session of the run before counts")
		}
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if s := w.task(task.ID).Status; s != Running {
			t.Fatalf("given up at once: %s", s)
		}
		if n := w.usedMemory(machine.Machine); n != 512 {
			t.Errorf("%d MiB are taken after the restart", n)
		}
		time.Sleep(2 * time.Minute)
		w.wantStopped(task.ID, api.TaskStopCodeTerminationNotice, "The machine that the task was on has not answered for 5m0s.")
	})
}

func TestQueueGivesAKeyToOneWorkerAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue[int]()
		q.add(1)
		q.add(1)
		k, _ := q.take()
		q.add(1) // while it is worked on
		taken := make(chan int, 2)
		go func() {
			for {
				k, ok := q.take()
				if !ok {
					close(taken)
					return
				}
				taken <- k
				q.retry(k)
			}
		}()
		synctest.Wait()
		if len(taken) != 0 {
			t.Fatal("a key is with two workers")
		}
		q.done(k)
		synctest.Wait()
		if fmt.Sprint(<-taken) != "1" {
			t.Fatal("what was added meanwhile is lost")
		}
		begin := time.Now()
		<-taken
		if d := time.Since(begin); d != firstRetry {
			t.Errorf("tried again after %s", d)
		}
		q.close()
		time.Sleep(lastRetry)
		for range taken {
		}
	})
}
