package ecs

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const bridgeDefinition = `{"family": "bridge", "containerDefinitions": [
	{"name": "app", "image": "berth/hello", "memory": 100, "portMappings": [{"containerPort": 80}]}]}`

// balanced is a world with a load balancing.
type balanced struct {
	*world
	balancer *balancer
	machine  *Instance // of the Fargate pool
	instance *Instance
	backend  store.Backend
	end      func()
}

// inBalancedBubble runs a test in virtual time, over a service with load balancing.
func inBalancedBubble(t *testing.T, test func(w *balanced)) {
	synctest.Test(t, func(t *testing.T) {
		w := &balanced{backend: store.NewMemory(store.MemoryConfig{})}
		w.begin(t)
		defer func() { w.end() }()
		w.cluster("default")
		for _, definition := range []string{webDefinition, hostDefinition, bridgeDefinition} {
			w.define(definition)
		}
		w.machine, w.instance = w.fargate(2048, 8192), w.world.instance(2048, 8192)
		test(w)
	})
}

// begin starts the service over what the backend has.
func (w *balanced) begin(t *testing.T) {
	db := store.New(w.backend, store.Config{})
	n := &network{interfaces: store.NewTable[Interface](db, "test", "interface")}
	old := w.balancer
	if w.balancer = newBalancer(db); old != nil {
		w.balancer.idle = old.idle
	}
	w.world = &world{Service: New(db, n, Config{Balancing: w.balancer}), t: t, ctx: as(context.Background(), wire.User), db: db, network: n}
	w.ok(db.Start(t.Context()))
	w.end = w.start()
}

// restart is another run of the server, to which the agents connect again.
func (w *balanced) restart() {
	w.end()
	w.begin(w.t)
	for _, i := range []*Instance{w.machine, w.instance} {
		if row, ok := w.Instances.Get(here, i.ID); ok && row.Value.Status == instanceActive {
			w.ok(w.AgentConnected(w.ctx, here, i.ID, "again", Agent{}))
		}
	}
}

// order starts a task of the service web.
func (w *balanced) order(family string, port int32) *Task {
	w.t.Helper()
	o := Order{Cluster: "default", Service: "web", Revision: "1", Rollout: "ecs-svc/1", Count: 1, TaskDefinition: Revision{family, 1}, LaunchType: api.LaunchTypeEc2}
	container := "app"
	if family == "web" {
		o.LaunchType, o.Network, container = api.LaunchTypeFargate, web(1).NetworkConfiguration.AwsvpcConfiguration, "web"
	}
	o.Targets = []TaskTarget{{Group: "group", Container: container, Port: port}}
	out := got(w.LaunchFor(w.ctx, here, o, nil))(w.world)
	if len(out.Tasks) != 1 {
		w.t.Fatalf("%+v", out)
	}
	return w.task(out.Tasks[0])
}

// want checks a task's status, what its agent is told, and the registered targets.
func (w *balanced) want(id string, status Status, told api.DesiredStatus, registered ...string) {
	w.t.Helper()
	synctest.Wait()
	t := w.task(id)
	if t.Status != status || t.Told() != told || !slices.Equal(w.balancer.registered(), registered) {
		w.t.Fatalf("%s, told %s, targets %q; want %s, %s, %q", t.Status, t.Told(), w.balancer.registered(), status, told, registered)
	}
}

const (
	toRun  = api.DesiredStatusRunning
	toStop = api.DesiredStatusStopped
)

func TestATaskIsRegisteredWhenItRunsAndDrainedBeforeItStops(t *testing.T) {
	inBalancedBubble(t, func(w *balanced) {
		task := w.order("web", 8080)
		w.want(task.ID, Provisioning, toRun)
		w.report(task, TaskReport{Status: Running})
		w.want(task.ID, Running, toRun, "group 172.31.0.10 8080")
		if now := w.task(task.ID); now.StartedAt.IsZero() || now.RegisteredAt.IsZero() {
			t.Errorf("started %s, registered %s", now.StartedAt, now.RegisteredAt)
		}
		w.stop(task)
		w.want(task.ID, Deactivating, toRun)
		if now := w.task(task.ID); now.Desired() != toStop {
			t.Error("the API shows a task that drains as one that should run")
		}
		time.Sleep(5 * time.Minute)
		w.want(task.ID, Deactivating, toRun)
		w.balancer.drain()
		time.Sleep(drainPause)
		w.want(task.ID, Stopping, toStop)
		w.report(task, TaskReport{Status: Stopped})
		w.wantStopped(task.ID, api.TaskStopCodeUserInitiated, reasonUser)
	})
}

func TestATaskWhoseTargetNeverDrainsIsStoppedInTheEnd(t *testing.T) {
	inBalancedBubble(t, func(w *balanced) {
		task := w.order("host", 9000)
		w.report(task, TaskReport{Status: Running})
		synctest.Wait()
		w.stop(task)
		time.Sleep(longestDraining - time.Second)
		w.want(task.ID, Deactivating, toRun)
		time.Sleep(2 * sweepEvery)
		w.want(task.ID, Stopping, toStop)
	})
}

func TestATaskOnAnInstanceIsRegisteredByItsPort(t *testing.T) {
	inBalancedBubble(t, func(w *balanced) {
		machine := w.instance.EC2InstanceID
		task := w.order("bridge", 80)
		w.report(task, TaskReport{Status: Running})
		w.want(task.ID, Activating, toRun)
		w.report(task, TaskReport{Containers: []api.ContainerStateChange{{ContainerName: "app", Status: "RUNNING", NetworkBindings: []api.NetworkBinding{
			{ContainerPort: new(int32(90)), HostPort: new(int32(32769))}, {ContainerPort: new(int32(80)), HostPort: new(int32(32768))}}}}})
		w.want(task.ID, Running, toRun, "group "+machine+" 32768")
		w.report(task, TaskReport{Status: Stopped})
		w.want(task.ID, Stopped, toStop)

		task = w.order("host", 9000)
		w.report(task, TaskReport{Status: Running})
		w.want(task.ID, Running, toRun, "group "+machine+" 9000")
	})
}

// Whatever ends a task without an order, requests go to it no longer than that is known.
func TestATaskThatEndsByItselfIsDeregisteredAtOnce(t *testing.T) {
	for name, end := range map[string]func(w *balanced, t *Task){
		"a container ends": func(w *balanced, t *Task) {
			w.report(t, TaskReport{Containers: []api.ContainerStateChange{{ContainerName: "app", Status: "STOPPED", ExitCode: new(int32(1))}}})
		},
		"all of it ends":               func(w *balanced, t *Task) { w.report(t, TaskReport{Status: Stopped}) },
		"its instance is deregistered": func(w *balanced, _ *Task) { w.deregister(w.instance); synctest.Wait() },
		"it ends while it drains":      func(w *balanced, t *Task) { w.stop(t); synctest.Wait(); w.report(t, TaskReport{Status: Stopped}) },
		"it is to stop now": func(w *balanced, t *Task) {
			got(w.StopAll(w.ctx, "the end"))(w.world)
			synctest.Wait()
			if s := w.task(t.ID); s.Told() != toStop {
				w.t.Errorf("%s, and its agent is told %s", s.Status, s.Told())
			}
		},
		"it is to stop now after all": func(w *balanced, t *Task) {
			w.stop(t)
			synctest.Wait()
			got(w.StopAll(w.ctx, "the end"))(w.world)
			synctest.Wait()
			if s := w.task(t.ID); s.Status != Stopping || s.Told() != toStop {
				w.t.Errorf("%s, and its agent is told %s", s.Status, s.Told())
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBalancedBubble(t, func(w *balanced) {
				task := w.order("host", 9000)
				w.report(task, TaskReport{Status: Running})
				w.want(task.ID, Running, toRun, "group "+w.instance.EC2InstanceID+" 9000")
				end(w, task)
				if r := w.balancer.registered(); len(r) > 0 {
					t.Errorf("registered: %q", r)
				}
			})
		})
	}
}

func TestATaskWaitsForItsTargetGroup(t *testing.T) {
	inBalancedBubble(t, func(w *balanced) {
		w.balancer.setMissing(true)
		task, other := w.order("web", 8080), w.order("web", 8080)
		w.report(task, TaskReport{Status: Running})
		w.report(other, TaskReport{Status: Running})
		w.stop(other)
		w.want(other.ID, Activating, toStop)
		w.want(task.ID, Activating, toRun)
		w.balancer.setMissing(false)
		time.Sleep(lastRetry)
		w.want(task.ID, Running, toRun, "group 172.31.0.10 8080")
	})
}

// Whatever happens in whatever order, and whenever another server takes over: requests go to no task that is not running, no agent is told to
// stop a task that has connections, and in the end all stop and nothing is registered.
func TestNoTaskIsStoppedWhileItHasConnections(t *testing.T) {
	steps := []struct {
		name string
		do   func(w *balanced, t *Task)
	}{
		{"it runs", func(w *balanced, t *Task) { w.report(t, TaskReport{Status: Running}) }},
		{"it is to stop", func(w *balanced, t *Task) { w.stop(t) }},
		{"connections end", func(w *balanced, _ *Task) { w.balancer.drain() }},
		{"time passes", func(*balanced, *Task) { time.Sleep(10 * time.Second) }},
		{"the server restarts", func(w *balanced, _ *Task) { w.restart() }},
		{"the reconciler has its way", func(*balanced, *Task) { synctest.Wait() }},
		{"the agent acknowledges", func(w *balanced, t *Task) { w.ok(w.ApplyStopAcknowledged(w.ctx, here, t.ID)) }},
		{"it ends", func(w *balanced, t *Task) { w.report(t, TaskReport{Status: Stopped}) }},
		{"there is no group", func(w *balanced, _ *Task) { w.balancer.setMissing(true) }},
		{"there is a group", func(w *balanced, _ *Task) { w.balancer.setMissing(false) }},
	}
	rapid.Check(t, func(r *rapid.T) {
		plan := rapid.SliceOfN(rapid.IntRange(0, len(steps)-1), 1, 12).Draw(r, "steps")
		var broken string
		inBalancedBubble(t, func(w *balanced) {
			task := w.order("host", 9000)
			key := targetKey("group", w.instance.EC2InstanceID, 9000)
			check := func(after string) {
				now, registered := w.task(task.ID), slices.Contains(w.balancer.registered(), key)
				if registered != now.registered() { // a transaction may be on its way
					synctest.Wait()
					now, registered = w.task(task.ID), slices.Contains(w.balancer.registered(), key)
				}
				w.balancer.mu.Lock()
				busy := registered || !now.RegisteredAt.IsZero() && !w.balancer.idle[key]
				w.balancer.mu.Unlock()
				switch {
				case broken != "":
				case registered != now.registered() || registered && !now.EndingAt.IsZero():
					broken = fmt.Sprintf("after %s: registered is %t, and the record of the %s task says %t", after, registered, now.Status, now.registered())
				case busy && now.EndingAt.IsZero() && now.Told() == toStop:
					broken = fmt.Sprintf("after %s: the agent is told to stop a %s task with connections", after, now.Status)
				}
			}
			for _, n := range plan {
				steps[n].do(w, task)
				check(steps[n].name)
			}
			w.balancer.setMissing(false)
			w.stop(task)
			synctest.Wait()
			w.balancer.drain()
			time.Sleep(sweepEvery)
			synctest.Wait()
			check("all")
			if s := w.task(task.ID); s.Told() != toStop {
				broken = fmt.Sprintf("a task that has drained is %s, and its agent is told %s", s.Status, s.Told())
			}
			w.report(task, TaskReport{Status: Stopped})
			if r := w.balancer.registered(); len(r) > 0 || w.task(task.ID).Status != Stopped {
				broken = fmt.Sprintf("in the end: %s, registered %q", w.task(task.ID).Status, r)
			}
		})
		if broken != "" {
			r.Fatal(broken)
		}
	})
}
