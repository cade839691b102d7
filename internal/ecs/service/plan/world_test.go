package plan

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// failer is a test, or a check of a property.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// world is a service with machines that do what they are told, in a time of its own.
type world struct {
	t       failer
	now     time.Time
	service Service
	tasks   []*Task
	made    int
	full    Full
	zones   []string
	room    int // tasks that the machines take; negative: any number
	// instances, and which of them the next task is placed on.
	instances map[string]Instance
	// behave says what becomes of a task that is RUNNING for a while: nil, it goes on.
	behave func(*Task)
	start  func(*Task) bool // false: it fails to start
	events []string
	stops  []Stop
}

func newWorld(t failer, desired int) *world {
	w := &world{t: t, now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), room: -1, instances: map[string]Instance{}}
	w.service = Service{Name: "web", Desired: desired, Minimum: 100, Maximum: 200}
	w.machine("m1")
	w.deploy("r1")
	return w
}

func (w *world) machine(id string) { w.instances[id] = Instance{ID: id, Active: true, Matches: true} }

// deploy makes a rollout of a revision primary, as UpdateService does.
func (w *world) deploy(revision string) {
	w.made++
	id := "ecs-svc/" + revision + "-" + strconv.Itoa(w.made)
	for i := range w.service.Rollouts {
		w.service.Rollouts[i].Primary = false
	}
	w.service.Rollouts = slices.Insert(w.service.Rollouts, 0, Rollout{ID: id, Revision: revision, Primary: true,
		State: api.DeploymentRolloutStateInProgress, CreatedAt: w.now, UpdatedAt: w.now})
	w.service.Deployment = &Deployment{ID: id, Rollout: id, Status: api.ServiceDeploymentStatusInProgress}
}

func (w *world) world() World {
	out := World{Now: w.now, HealthyAfter: 40 * time.Second, Instances: w.instances, Zones: w.zones, Full: w.full, NewID: "ecs-svc/new-" + strconv.Itoa(w.made)}
	for _, t := range w.tasks {
		out.Tasks = append(out.Tasks, *t)
	}
	return out
}

func (w *world) task(id string) *Task {
	for _, t := range w.tasks {
		if t.ID == id {
			return t
		}
	}
	w.t.Fatalf("the plan names task %s, which is not there", id)
	return nil
}

// decide makes and applies one plan.
func (w *world) decide() Plan {
	plan := Decide(w.service, w.world())
	w.service = plan.Service
	w.made++
	w.events = append(w.events, plan.Events...)
	w.stops = append(w.stops, plan.Stop...)
	for _, s := range plan.Stop {
		w.task(s.Task).Told = true
	}
	for _, id := range plan.Counted {
		w.task(id).End = ""
	}
	w.tasks = slices.DeleteFunc(w.tasks, func(t *Task) bool { return t.Phase == Gone && t.End == "" })
	for _, s := range plan.Start {
		w.launch(s)
	}
	return plan
}

func (w *world) launch(s Start) {
	w.full = Full{}
	for i := range s.Count {
		used := 0
		for _, t := range w.tasks {
			if t.Phase != Gone {
				used++
			}
		}
		if w.room >= 0 && used >= w.room {
			w.full = Full{Until: w.now.Add(10 * time.Second), Zone: s.Zone != ""}
			return
		}
		w.made++
		t := &Task{ID: fmt.Sprintf("t%04d", w.made), Rollout: s.Rollout, CreatedAt: w.now, Instance: w.place(s, i)}
		if t.Zone = s.Zone; t.Zone == "" && len(w.zones) > 0 {
			t.Zone = slices.MinFunc(w.zones, func(a, b string) int { return s.Zones[a] - s.Zones[b] })
			s.Zones[t.Zone]++
		}
		for _, part := range s.Providers {
			t.Provider = part.Provider
		}
		w.tasks = append(w.tasks, t)
	}
}

func (w *world) place(s Start, i int) string {
	if s.Instances != nil {
		return s.Instances[i]
	}
	count := map[string]int{}
	for _, t := range w.tasks {
		count[t.Instance]++
	}
	best := ""
	for id, m := range w.instances {
		if m.Active && (best == "" || count[id] < count[best] || count[id] == count[best] && id < best) {
			best = id
		}
	}
	return best
}

// step lets the machines do what they have to, and time pass.
func (w *world) step(by time.Duration) {
	w.now = w.now.Add(by)
	for _, t := range w.tasks {
		switch {
		case t.Phase == Leaving:
			t.Phase = Gone
		case t.Told:
			t.Phase = Leaving
		case t.Phase == Starting && w.start != nil && !w.start(t):
			w.ends(t, api.TaskStopCodeTaskFailedToStart)
		case t.Phase == Starting:
			t.Phase, t.StartedAt = Running, w.now
		case t.Phase == Running && w.behave != nil:
			w.behave(t)
		}
	}
	w.tasks = slices.DeleteFunc(w.tasks, func(t *Task) bool { return t.Phase == Gone && t.End == "" })
}

// ends lets a task end by itself.
func (w *world) ends(t *Task, code api.TaskStopCode) {
	t.Phase, t.Told, t.End, t.EndedAt = Gone, true, code, w.now
}

// until steps until a condition holds, or fails.
func (w *world) until(what string, most int, by time.Duration, ok func() bool) {
	w.t.Helper()
	for range most {
		for range 20 {
			if !w.decide().Again {
				break
			}
		}
		if ok() {
			return
		}
		w.step(by)
	}
	w.t.Fatalf("not so after %d steps of %v: %s\nrollouts %+v\ntasks %s\nevents %q", most, by, what, w.service.Rollouts, w.list(), w.events)
}

func (w *world) list() (out string) {
	for _, t := range w.tasks {
		out += fmt.Sprintf("\n\t%+v", *t)
	}
	return out
}

func (w *world) steady() bool { return !w.service.SteadyAt.IsZero() }

// running is how many tasks of a revision are RUNNING and stay.
func (w *world) running(revision string) (n int) {
	for _, t := range w.tasks {
		if r := w.rollout(t.Rollout); t.Phase == Running && !t.Told && r != nil && r.Revision == revision {
			n++
		}
	}
	return n
}

func (w *world) rollout(id string) *Rollout {
	for i := range w.service.Rollouts {
		if w.service.Rollouts[i].ID == id {
			return &w.service.Rollouts[i]
		}
	}
	return nil
}

func (w *world) told(text string) bool {
	return slices.ContainsFunc(w.events, func(e string) bool { return e == "(service web) "+text })
}
