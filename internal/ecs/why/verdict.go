package why

import (
	"fmt"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

// verdict says in one sentence what happened.
func verdict(c *Case) string {
	t := c.Task
	name := fmt.Sprintf("Task %s (%s)", t.ID[:min(12, len(t.ID))], t.Definition)
	stop := t.Why()
	switch {
	case stop == nil:
		return name + " " + living(c)
	case t.Status == ecs.Deactivating:
		return fmt.Sprintf("%s was to stop %s ago, and goes on until its load balancers have drained it: %s", name, span(c.Now.Sub(stop.At)), ended(c, stop))
	case t.Status != ecs.Stopped:
		return fmt.Sprintf("%s has been stopping for %s: %s", name, span(c.Now.Sub(stop.At)), ended(c, stop))
	case t.StartedAt.IsZero():
		return fmt.Sprintf("%s never ran: %s", name, ended(c, stop))
	}
	return fmt.Sprintf("%s ran for %s: %s", name, span(t.StoppedAt.Sub(t.StartedAt)), ended(c, stop))
}

// living says how far a task is that should run.
func living(c *Case) string {
	t := c.Task
	since := span(c.Now.Sub(t.CreatedAt))
	switch {
	case t.Status == ecs.Running && t.Health() == api.HealthStatusUnhealthy:
		return fmt.Sprintf("runs for %s and is unhealthy: its essential container %s fails its health check.", span(c.Now.Sub(t.StartedAt)), unhealthy(t).Name)
	case t.Status == ecs.Running:
		return fmt.Sprintf("runs for %s; nothing is wrong with it.", span(c.Now.Sub(t.StartedAt)))
	case t.Status == ecs.Activating:
		return fmt.Sprintf("runs for %s, and is not registered with its target groups yet.", span(c.Now.Sub(t.StartedAt)))
	case !c.Connected:
		return fmt.Sprintf("waits for %s: the agent of its machine is not connected.", since)
	case t.ConnectedAt.IsZero():
		return fmt.Sprintf("waits for %s: it was placed, and its agent has not reported on it yet.", since)
	case !t.PullStartedAt.IsZero() && t.PullStoppedAt.IsZero():
		return fmt.Sprintf("is being prepared for %s: its images are being pulled.", since)
	}
	return fmt.Sprintf("is being started for %s: its containers are made, or wait for each other.", since)
}

// unhealthy is the first essential container that is found unhealthy; nil when none is.
func unhealthy(t *ecs.Task) *ecs.Container {
	for i := range t.Containers {
		if c := &t.Containers[i]; c.Essential && c.Checked && c.Health == api.HealthStatusUnhealthy {
			return c
		}
	}
	return nil
}

// ended says why a task stopped.
func ended(c *Case, stop *ecs.Stop) string {
	failed := culprit(c.Task)
	switch {
	case stop == c.Task.Stop && stop.Code == api.TaskStopCodeUserInitiated:
		return sentence("told to stop: " + stop.Reason)
	case stop == c.Task.Stop || failed == nil || failed.Reason == stop.Reason && stop.Code != api.TaskStopCodeTaskFailedToStart:
		return sentence(stop.Reason) // its containers have nothing to add
	case failed.Reason != "":
		return sentence(fmt.Sprintf("container %s: %s", failed.Name, failed.Reason))
	case failed.ExitCode != nil:
		return fmt.Sprintf("essential container %s exited with code %d (%s).", failed.Name, *failed.ExitCode, meaning(c, failed))
	}
	return sentence(stop.Reason)
}

// culprit is the container that ended the task: an essential one that says why it could not go on, else the essential one that
// ended first, else any that says why it could not start. Where the order is not known, one that failed comes before one that
// ended well.
func culprit(t *ecs.Task) (best *ecs.Container) {
	for i := range t.Containers {
		c := &t.Containers[i]
		if c.Status == ecs.Stopped && blame(c) > 0 && (best == nil || guiltier(c, best)) {
			best = c
		}
	}
	return best
}

// guiltier tells whether it was rather a than b that ended their task.
func guiltier(a, b *ecs.Container) bool {
	orderly := a.Essential && b.Essential && a.Ended > 0 && b.Ended > 0
	if orderly && (a.Reason == "") == (b.Reason == "") {
		return a.Ended < b.Ended
	}
	return blame(a) > blame(b)
}

// blame is how likely it is that a container ended its task, by what is known of it alone.
func blame(c *ecs.Container) int {
	switch {
	case c.Essential && c.Reason != "":
		return 4
	case c.Essential && c.ExitCode != nil && *c.ExitCode != 0:
		return 3
	case c.Reason != "":
		return 2
	case c.Essential && c.ExitCode != nil:
		return 1
	}
	return 0
}

// sentence ends a text with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	if last := text[len(text)-1]; last == '.' || last == '!' || last == '?' {
		return text
	}
	return text + "."
}

// span is a duration as people read it.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < 48*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
