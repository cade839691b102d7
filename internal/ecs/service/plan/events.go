package plan

import (
	"fmt"
	"strings"
	"time"
)

// The texts of service events are ECS's, to the letter: deploy tools read them.

// event says what happened to the service.
func (p *pass) event(text string) {
	p.out.Events = append(p.out.Events, Event(p.s.Name, text))
}

// suppressed is for how long ECS does not repeat an event.
const suppressed = 6 * time.Hour

// tell says what goes on, once in six hours for each thing that it is about. It tells whether it did.
func (p *pass) tell(about, text string) bool {
	if !Tell(p.s.Told, about, p.w.Now) {
		return false
	}
	if p.s.Told == nil {
		p.s.Told = map[string]time.Time{}
	}
	p.s.Told[about] = p.w.Now
	p.event(text)
	return true
}

// Tell tells whether an event about something may be told again. A time that lies ahead is from before the clock was set back.
func Tell(told map[string]time.Time, about string, now time.Time) bool {
	at, ok := told[about]
	return !ok || now.Sub(at) >= suppressed || at.After(now.Add(suppressed))
}

// Event is an event of a service: "(service NAME) ...".
func Event(service, text string) string { return "(service " + service + ") " + text }

// Started is the text of the event that tasks were started.
func Started(tasks []string) string {
	return fmt.Sprintf("has started %d tasks: %s.", len(tasks), tasksNamed(tasks))
}

// StartedIn is the text of the event that tasks were started in a zone to balance the zones.
func StartedIn(zone string, tasks []string) string {
	return fmt.Sprintf("has started %d tasks in %s to AZ Rebalance: %s.", len(tasks), zone, tasksNamed(tasks))
}

func stoppedIn(zone string, tasks []string) string {
	return fmt.Sprintf("has stopped %d running tasks in %s due to AZ rebalancing: %s.", len(tasks), zone, tasksNamed(tasks))
}

func stopped(tasks []string) string {
	return fmt.Sprintf("has stopped %d running tasks: %s.", len(tasks), tasksNamed(tasks))
}

func tasksNamed(ids []string) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("(task " + id + ")")
	}
	return b.String()
}

// The texts of what can't be done.
const (
	textConfiguration = "was unable to stop or start tasks during a deployment because of the service deployment configuration. " +
		"Update the minimumHealthyPercent or maximumPercent value and try again."
	textSteady = "has reached a steady state."
)

// tellStops tells of the tasks that the plan stops, and of their targets.
func (p *pass) tellStops() {
	var running []string
	drained := 0
	for _, s := range p.out.Stop {
		if s.Drains {
			drained++
		}
		switch {
		case s.Moved != "":
			p.event(stoppedIn(s.Moved, []string{s.Task}))
		case s.Running:
			running = append(running, s.Task)
		}
	}
	if drained > 0 {
		p.event(fmt.Sprintf("has begun draining connections on %d tasks.", drained))
		p.tellDeregistered()
	}
	if len(running) > 0 {
		p.event(stopped(running))
	}
}

// tellDeregistered tells from which target groups the plan takes targets.
func (p *pass) tellDeregistered() {
	groups := groupCounts{}
	stops := map[string]bool{}
	for _, s := range p.out.Stop {
		stops[s.Task] = true
	}
	for i := range p.tasks {
		if t := &p.tasks[i]; stops[t.ID] {
			for _, to := range t.Targets {
				if !to.Registered.IsZero() {
					groups.add(to.Group)
				}
			}
		}
	}
	groups.tell(p, "deregistered")
}

// tellTargets tells of targets that were registered since it last did.
func (p *pass) tellTargets() {
	groups, latest := groupCounts{}, p.s.Registered
	for i := range p.tasks {
		for _, to := range p.tasks[i].Targets {
			if to.Registered.After(p.s.Registered) {
				groups.add(to.Group)
				if to.Registered.After(latest) {
					latest = to.Registered
				}
			}
		}
	}
	p.s.Registered = latest
	groups.tell(p, "registered")
}

// groupCounts counts targets by their group, in the order in which the groups came.
type groupCounts struct {
	order []string
	of    map[string]int
}

func (g *groupCounts) add(group string) {
	if g.of == nil {
		g.of = map[string]int{}
	}
	if g.of[group] == 0 {
		g.order = append(g.order, group)
	}
	g.of[group]++
}

func (g *groupCounts) tell(p *pass, what string) {
	for _, group := range g.order {
		p.event(fmt.Sprintf("%s %d targets in (target-group %s)", what, g.of[group], group))
	}
}

// maxToldTasks is of how many unhealthy tasks it is told at a time: the service's record holds which. When some of them are gone
// it is told of others.
const maxToldTasks = 25

// tellUnhealthy tells, once, what a task's checks have found.
func (p *pass) tellUnhealthy(t *task) {
	text := t.found()
	if text == "" || p.toldTasks() >= maxToldTasks {
		return
	}
	if p.tell(aboutTask+t.ID, text) {
		p.told++
	}
}

// found is what an unhealthy task's checks have found.
func (t *Task) found() string {
	if t.failure() == reasonContainer {
		return "(task " + t.ID + ") failed container health checks."
	}
	for _, to := range t.Targets {
		if to.State == targetUnhealthy {
			return fmt.Sprintf("(task %s) (port %d) is unhealthy in (target-group %s) due to (reason %s).", t.ID, to.Port, to.Group, to.Text)
		}
	}
	return ""
}

// toldTasks is of how many tasks it was told.
func (p *pass) toldTasks() int {
	if p.told < 0 {
		p.told = 0
		for about := range p.s.Told {
			if strings.HasPrefix(about, aboutTask) {
				p.told++
			}
		}
	}
	return p.told
}

// What events are about that are not repeated for a while.
const (
	AboutPlacement     = "placement"
	aboutConfiguration = "configuration"
	aboutStarts        = "starts"
	aboutZones         = "zones"
	aboutTask          = "task/" // and its id: it is forgotten with it
)

func (p *pass) forgetTold() {
	if len(p.s.Told) == 0 {
		return
	}
	present := map[string]bool{}
	for i := range p.tasks {
		present[aboutTask+p.tasks[i].ID] = true
	}
	for about := range p.s.Told {
		if strings.HasPrefix(about, aboutTask) && !present[about] {
			delete(p.s.Told, about)
		}
	}
}
