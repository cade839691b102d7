package ecs

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "github.com/berth-dev/berth/api/ecs"
)

var t0 = time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)

// seed is a task of two containers as RunTask commits it.
func seed(attached bool) *Task {
	t := &Task{ID: "t", Status: Pending, CreatedAt: t0, Containers: []Container{
		{ID: "c1", Name: "web", Essential: true, Status: Pending}, {ID: "c2", Name: "side", Status: Pending}}}
	if attached {
		t.Status = Provisioning
		t.Attachments = []Attachment{{ID: "a1", Status: AttachmentPrecreated}}
	}
	return t
}

func stoppedWith(name string, code int32, reason string) api.ContainerStateChange {
	return api.ContainerStateChange{ContainerName: name, Status: "STOPPED", ExitCode: &code, Reason: reason}
}

func running(name string) api.ContainerStateChange {
	return api.ContainerStateChange{ContainerName: name, Status: "RUNNING", RuntimeId: name + "-runtime"}
}

// ack stands for the acknowledgement of an order to stop among reports.
var ack = TaskReport{Status: "ACK"}

func TestReportsMoveATaskForward(t *testing.T) {
	for name, c := range map[string]struct {
		attached bool
		stop     *Stop
		reports  []TaskReport
		status   Status
		desired  api.DesiredStatus
		code     api.TaskStopCode
		reason   string
		started  bool
	}{
		"the first report ends provisioning": {attached: true, reports: []TaskReport{{Status: Pending}}, status: Pending, desired: "RUNNING"},
		"RUNNING overtakes PENDING":          {attached: true, reports: []TaskReport{{Status: Running}, {Status: Pending}}, status: Running, desired: "RUNNING", started: true},
		"a container event while the task comes up": {reports: []TaskReport{{Status: Pending, Containers: []api.ContainerStateChange{running("web")}}},
			status: Pending, desired: "RUNNING"},
		"the end of a sidecar is no end": {reports: []TaskReport{{Status: Running, Containers: []api.ContainerStateChange{running("web"), running("side"), stoppedWith("side", 0, "")}}},
			status: Running, desired: "RUNNING", started: true},
		"the end of an essential container is the task's": {reports: []TaskReport{{Status: Running}, {Status: Running, Containers: []api.ContainerStateChange{stoppedWith("web", 1, "")}}},
			status: Stopping, desired: "STOPPED", code: api.TaskStopCodeEssentialContainerExited, reason: "Essential container in task exited", started: true},
		"run and gone in one report": {attached: true, reports: []TaskReport{{Status: Stopped, Containers: []api.ContainerStateChange{running("web"), stoppedWith("web", 0, "")}}},
			status: Deprovisioning, desired: "STOPPED", code: api.TaskStopCodeEssentialContainerExited, reason: "Essential container in task exited"},
		"nothing to remove": {reports: []TaskReport{{Status: Running}, {Status: Stopped, Containers: []api.ContainerStateChange{stoppedWith("web", 137, "OutOfMemoryError: Container killed due to memory usage")}}},
			status: Stopped, desired: "STOPPED", code: api.TaskStopCodeEssentialContainerExited, reason: "Essential container in task exited", started: true},
		"an image that cannot be pulled": {reports: []TaskReport{{Status: Stopped, Containers: []api.ContainerStateChange{{ContainerName: "web", Status: "STOPPED", Reason: "CannotPullContainerError: no such image"}}}},
			status: Stopped, desired: "STOPPED", code: api.TaskStopCodeTaskFailedToStart, reason: "CannotPullContainerError: no such image"},
		"a container that cannot start has an exit code too": {reports: []TaskReport{{Status: Stopped, Containers: []api.ContainerStateChange{stoppedWith("web", 127, "CannotStartContainerError: exec: not found")}}},
			status: Stopped, desired: "STOPPED", code: api.TaskStopCodeTaskFailedToStart, reason: "CannotStartContainerError: exec: not found"},
		"resources that cannot be had": {reports: []TaskReport{{Status: Stopped, Reason: "ResourceInitializationError: no secret"}},
			status: Stopped, desired: "STOPPED", code: api.TaskStopCodeTaskFailedToStart, reason: "ResourceInitializationError: no secret"},
		"a failure without a word": {reports: []TaskReport{{Status: Stopped}},
			status: Stopped, desired: "STOPPED", code: api.TaskStopCodeTaskFailedToStart, reason: "Task failed to start"},
		"an order to stop is acknowledged": {stop: &Stop{Code: "UserInitiated", Reason: "bye", At: t0}, reports: []TaskReport{{Status: Running}, ack},
			status: Stopping, desired: "STOPPED", code: "UserInitiated", reason: "bye", started: true},
		"an order gives the reason, whatever the exit": {stop: &Stop{Code: "UserInitiated", Reason: "bye", At: t0}, reports: []TaskReport{{Status: Running}, {Status: Stopped, Containers: []api.ContainerStateChange{stoppedWith("web", 143, "")}}},
			status: Stopped, desired: "STOPPED", code: "UserInitiated", reason: "bye", started: true},
		"an acknowledgement without an order": {reports: []TaskReport{{Status: Running}, ack}, status: Running, desired: "RUNNING", started: true},
		"nothing follows the end": {reports: []TaskReport{{Status: Stopped}, {Status: Running, Containers: []api.ContainerStateChange{running("web")}}},
			status: Stopped, desired: "STOPPED", code: api.TaskStopCodeTaskFailedToStart, reason: "Task failed to start"},
		"unknown containers and states are passed over": {reports: []TaskReport{{Status: "ASLEEP", Containers: []api.ContainerStateChange{running("other"), {ContainerName: "web", Status: "ASLEEP"}}}},
			status: Pending, desired: "RUNNING"},
	} {
		task := seed(c.attached)
		task.Stop = c.stop
		for i, r := range c.reports {
			if r.Status == ack.Status {
				task.acknowledgeStop()
				continue
			}
			task.observe(r, t0.Add(time.Duration(i+1)*time.Second))
		}
		if task.Status != c.status || task.Desired() != c.desired || task.StartedAt.IsZero() == c.started {
			t.Errorf("%s: status %s, desired %s, started %v", name, task.Status, task.Desired(), task.StartedAt)
		}
		why := task.Why()
		if why == nil {
			why = &Stop{}
		}
		if why.Code != c.code || why.Reason != c.reason {
			t.Errorf("%s: stopped with %q %q, want %q %q", name, why.Code, why.Reason, c.code, c.reason)
		}
	}
}

// Of several essential containers, the one that could not start ended the task, and not those that were stopped for it.
func TestWhatEndsATaskThatNeverRan(t *testing.T) {
	cannot := api.ContainerStateChange{ContainerName: "side", Status: "STOPPED", Reason: "CannotStartContainerError: exec: not found"}
	never := api.ContainerStateChange{ContainerName: "web", Status: "STOPPED"}
	for name, c := range map[string]struct {
		containers []api.ContainerStateChange
		code       api.TaskStopCode
		reason     string
	}{
		"one can't start, and the other is stopped": {[]api.ContainerStateChange{running("web"), stoppedWith("web", 0, ""), cannot},
			api.TaskStopCodeTaskFailedToStart, "CannotStartContainerError: exec: not found"},
		"one ends before the other was started": {[]api.ContainerStateChange{stoppedWith("side", 1, ""), never},
			api.TaskStopCodeEssentialContainerExited, "Essential container in task exited"},
	} {
		task := seed(false)
		task.Containers[1].Essential = true
		task.observe(TaskReport{Status: Stopped, Containers: c.containers}, t0)
		if why := task.Why(); why.Code != c.code || why.Reason != c.reason {
			t.Errorf("%s: %s %q", name, why.Code, why.Reason)
		}
	}
}

// The order in which containers ended is kept, whether they are told of one by one or at once.
func TestTheOrderOfEndsIsKept(t *testing.T) {
	for name, reports := range map[string][][]api.ContainerStateChange{
		"one by one": {{stoppedWith("side", 1, "")}, {stoppedWith("web", 137, ""), stoppedWith("side", 1, "")}},
		"at once":    {{stoppedWith("side", 1, ""), stoppedWith("web", 137, "")}},
	} {
		task := seed(false)
		for _, containers := range reports {
			task.observe(TaskReport{Containers: containers}, t0)
		}
		task.observe(TaskReport{Status: Stopped}, t0)
		if web, side := task.Containers[0], task.Containers[1]; web.Ended != 2 || side.Ended != 1 {
			t.Errorf("%s: web ended as number %d, side as number %d", name, web.Ended, side.Ended)
		}
	}
}

func TestReportedDetailsOfContainers(t *testing.T) {
	task := seed(true)
	port := int32(80)
	task.observe(TaskReport{Status: Running, PullStartedAt: t0.Add(1), PullStoppedAt: t0.Add(2),
		Attachments: []api.AttachmentStateChange{{AttachmentArn: "arn:aws:ecs:r:a:attachment/a1", Status: "ATTACHED"}},
		Containers: []api.ContainerStateChange{{ContainerName: "web", Status: "RUNNING", RuntimeId: "r", ImageDigest: "sha256:1",
			NetworkBindings: []api.NetworkBinding{{HostPort: &port}}}}}, t0)
	task.observe(TaskReport{PullStartedAt: t0.Add(9), Containers: []api.ContainerStateChange{stoppedWith("web", 3, "why")}}, t0.Add(time.Minute))
	task.observe(TaskReport{Containers: []api.ContainerStateChange{running("web"), stoppedWith("web", 4, "")}}, t0.Add(time.Hour))
	c := task.Containers[0]
	if c.Status != Stopped || *c.ExitCode != 3 || c.Reason != "why" || c.RuntimeID != "r" || c.ImageDigest != "sha256:1" || len(c.NetworkBindings) != 1 {
		t.Errorf("container %+v", c)
	}
	if task.Attachments[0].Status != AttachmentAttached || !task.PullStartedAt.Equal(t0.Add(1)) || !task.EndingAt.Equal(t0.Add(time.Minute)) || !task.ConnectedAt.Equal(t0) {
		t.Errorf("task %+v", task)
	}
}

// Whatever agents say in whatever order: statuses only move forward, and by moves that agents may make.
func TestObservedStateOnlyMovesForward(t *testing.T) {
	statuses := []Status{"", Pending, Running, Stopped, "ODD"}
	rapid.Check(t, func(t *rapid.T) {
		task := seed(rapid.Bool().Draw(t, "attached"))
		now := t0
		for range rapid.IntRange(1, 12).Draw(t, "reports") {
			before, was := *task, append([]Container(nil), task.Containers...)
			now = now.Add(time.Second)
			if rapid.Bool().Draw(t, "order") && !task.Ending() {
				task.Stop = &Stop{Code: "UserInitiated", Reason: "r", At: now}
			}
			r := TaskReport{Status: rapid.SampledFrom(statuses).Draw(t, "status")}
			if rapid.Bool().Draw(t, "ack") {
				task.acknowledgeStop()
			}
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				c := api.ContainerStateChange{ContainerName: rapid.SampledFrom([]string{"web", "side", "x"}).Draw(t, "container"),
					Status: string(rapid.SampledFrom(statuses).Draw(t, "state"))}
				if rapid.Bool().Draw(t, "exited") {
					c.ExitCode = new(int32)
				}
				r.Containers = append(r.Containers, c)
			}
			task.observe(r, now)
			if task.Status.Before(before.Status) {
				t.Fatalf("%s to %s", before.Status, task.Status)
			}
			for i := range was {
				if task.Containers[i].Status.Before(was[i].Status) {
					t.Fatalf("container: %+v to %+v", was[i], task.Containers[i])
				}
			}
			if !before.Status.Live() && fmt.Sprint(before.End, before.EndingAt, before.StoppedAt) != fmt.Sprint(task.End, task.EndingAt, task.StoppedAt) {
				t.Fatalf("%+v changed to %+v after its end", before, *task)
			}
			if task.Ending() != (task.Why() != nil) || task.Why() != nil && (task.Why().Reason == "" || task.Why().Code == "") {
				t.Fatalf("ending %v for %+v", task.Ending(), task.Why())
			}
			if (task.Status == Stopped) == task.StoppedAt.IsZero() {
				t.Fatalf("status %s, stopped at %v", task.Status, task.StoppedAt)
			}
		}
	})
}

func TestHealthOfATask(t *testing.T) {
	for name, c := range map[string]struct {
		health []api.HealthStatus // of the checked essential containers
		want   api.HealthStatus
	}{
		"nothing is checked":     {nil, "UNKNOWN"},
		"all are healthy":        {[]api.HealthStatus{"HEALTHY", "HEALTHY"}, "HEALTHY"},
		"one is not known":       {[]api.HealthStatus{"HEALTHY", ""}, "UNKNOWN"},
		"unhealthy over unknown": {[]api.HealthStatus{"UNKNOWN", "UNHEALTHY"}, "UNHEALTHY"},
	} {
		task := &Task{Status: Running, Containers: []Container{{Name: "side", Checked: true, Health: "UNHEALTHY"}}}
		report := map[string]HealthReport{}
		for i, h := range c.health {
			n := fmt.Sprint(i)
			task.Containers = append(task.Containers, Container{Name: n, Essential: true, Checked: true})
			report[n] = HealthReport{Status: h}
		}
		task.observeHealth(report)
		if got := task.Health(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
