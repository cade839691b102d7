package tasks

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/test/berthtest"
)

// wholeRestarted ends sidecar by itself once it has run for the period of its restart policy.
func (w *world) wholeRestarted(task types.Task, at string) {
	sidecar := func() seenContainer {
		all := w.metadata(at).Containers
		i := slices.IndexFunc(all, func(c seenContainer) bool { return c.Name == "sidecar" })
		return all[max(i, 0)]
	}
	before := sidecar()
	if before.RestartCount == nil || *before.RestartCount != 0 {
		w.t.Errorf("before it ends once it has restarted %v times", before.RestartCount)
	}
	started, err := time.Parse(time.RFC3339, before.StartedAt)
	if err != nil {
		w.t.Fatal(err)
	}
	<-time.After(time.Until(started.Add(61 * time.Second))) // no policy has a shorter period
	if said, err := tryAsk(w.t.Context(), at, "fetch", "url", "http://beside:8081/end?code=9"); err == nil {
		w.t.Errorf("it does not end, and says %s", said)
	}
	var after seenContainer
	berthtest.Eventually(w.t, time.Minute, "sidecar runs again", func() bool {
		after = sidecar()
		return after.RestartCount != nil && *after.RestartCount == 1 && after.KnownStatus == "RUNNING"
	})
	if after.DockerID != before.DockerID {
		w.t.Errorf("it is another container: %s, before it %s", after.DockerID, before.DockerID)
	}
	berthtest.Eventually(w.t, time.Minute, "sidecar answers again", func() bool { // it runs before it listens
		got, err := tryAsk(w.t.Context(), at, "fetch", "url", "http://beside:8081/name")
		return err == nil && got == "sidecar"
	})
	berthtest.Eventually(w.t, time.Minute, "the task is healthy again", func() bool {
		now := w.describe(task)
		return aws.ToString(now.LastStatus) == "RUNNING" && w.byName(now, "sidecar").HealthStatus == types.HealthStatusHealthy && now.HealthStatus == types.HealthStatusHealthy
	})
}

// wholeStopped stops the task: web, for which nobody waited, before sidecar, though web takes a second to end.
func (w *world) wholeStopped(task types.Task) {
	w.AWS(nil, "ecs", "stop-task", "--task", id(task), "--reason", "seen enough")
	task = w.until("STOPPED", task)
	w.ended(task, types.TaskStopCodeUserInitiated, "seen enough")
	for _, name := range []string{"web", "sidecar", "init"} {
		w.exited(task, name, 0)
	}
	last := map[string]int64{}
	for _, name := range []string{"web", "sidecar"} {
		var out struct {
			Events []struct {
				Timestamp int64
				Message   string
			}
		}
		berthtest.Eventually(w.t, time.Minute, "the log of "+name+" is whole", func() bool {
			w.AWS(&out, "logs", "get-log-events", "--log-group-name", "/tasks", "--log-stream-name", "t/"+name+"/"+id(task), "--start-from-head")
			return len(out.Events) > 0 && out.Events[len(out.Events)-1].Message == "terminated"
		})
		last[name] = out.Events[len(out.Events)-1].Timestamp
		if served := strings.Count(out.Events[0].Message, "serving on"); served != 1 {
			w.t.Errorf("the log of %s begins with %q", name, out.Events[0].Message)
		}
	}
	if last["sidecar"] < last["web"] {
		w.t.Errorf("sidecar ended %d ms before web, which depends on it", last["web"]-last["sidecar"])
	}
}
