package sim_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/berth-dev/berth/api/ecs"
	ecsservice "github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/sim"
	"github.com/berth-dev/berth/internal/wire/client"
)

// seed is that of a test's choices: a new one each time, unless BERTH_SEED has one.
func seed(t *testing.T) *rand.Rand {
	n := rand.Uint64()
	if text := os.Getenv("BERTH_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("BERTH_SEED: %v", err)
		}
	}
	t.Logf("BERTH_SEED=%d makes the same choices again", n)
	return rand.New(rand.NewPCG(n, 0))
}

// TestCapacityThatComesAndGoes launches and stops tasks while machines lose their connections, their agents, their power
// and their registration, and others join. No task may be lost, none may run twice, none may be placed where there is no room.
func TestCapacityThatComesAndGoes(t *testing.T) {
	random := seed(t)
	w := newWorld(t)
	w.config.Memory = 640 // ten tasks
	fleet := sim.New(w.config)
	t.Cleanup(fleet.Close)
	if _, err := fleet.Add(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	definitions := []string{w.define("app", 64), w.define("app", 64, 8080, 9090)}
	record := w.record()

	var launching sync.WaitGroup
	launched := make([][]string, 4)
	for i := range launched {
		choices := rand.New(rand.NewPCG(random.Uint64(), 0))
		launching.Go(func() { launched[i] = w.churn(definitions, choices) })
	}
	for range 25 {
		w.upset(fleet, random)
	}
	launching.Wait()
	for _, a := range fleet.Agents() {
		a.Stop()
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		if err := a.AwaitJoined(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.forgotten(fleet)
	w.settled(fleet, slices.Concat(launched...))
	record.judge()
}

// forgotten deregisters the instances that no agent comes back to: the registration of a machine that was about to be set up anew may
// have arrived after its deregistration.
func (w *world) forgotten(fleet *sim.Fleet) {
	w.Helper()
	known := map[string]bool{}
	for _, a := range fleet.Agents() {
		known[a.Instance()] = true
	}
	force := true
	for _, arn := range call(w, ecs.ListContainerInstances, ecs.ListContainerInstancesRequest{}).ContainerInstanceArns {
		if !known[arn] {
			call(w, ecs.DeregisterContainerInstance, ecs.DeregisterContainerInstanceRequest{ContainerInstance: arn, Force: &force})
		}
	}
}

// churn launches and stops tasks, and returns all those that RunTask said are launched.
func (w *world) churn(definitions []string, choices *rand.Rand) (arns []string) {
	for range 40 {
		count, definition := 1+choices.Int32N(10), definitions[choices.IntN(len(definitions))]
		out, err := client.Call(w.Context(), w.client, ecs.RunTask, &ecs.RunTaskRequest{TaskDefinition: definition, Count: &count})
		if err != nil {
			if !strings.Contains(err.Error(), "No Container Instances were found") {
				w.Errorf("RunTask: %v", err)
			}
			continue
		}
		for _, t := range out.Tasks {
			arns = append(arns, t.TaskArn)
		}
		for range min(len(arns), choices.IntN(12)) {
			if _, err := client.Call(w.Context(), w.client, ecs.StopTask, &ecs.StopTaskRequest{Task: arns[choices.IntN(len(arns))]}); err != nil {
				w.Errorf("StopTask: %v", err)
			}
		}
	}
	return arns
}

// upset does something to the capacity that there is.
func (w *world) upset(fleet *sim.Fleet, random *rand.Rand) {
	w.Helper()
	agents := fleet.Agents()
	a := agents[random.IntN(len(agents))]
	switch random.IntN(6) {
	case 0, 1:
		a.Cut()
		return
	case 2: // the agent is started anew
		a.Stop()
	case 3: // the machine loses its power
		a.Stop()
		a.Machine.Reboot()
	case 4: // the machine is deregistered, and set up anew
		force := true
		if instance := a.Instance(); instance != "" {
			_, _ = client.Call(w.Context(), w.client, ecs.DeregisterContainerInstance, &ecs.DeregisterContainerInstanceRequest{ContainerInstance: instance, Force: &force})
		}
		a.Stop()
		a.Forget()
	case 5:
		if len(agents) < 10 {
			if _, err := fleet.Add(w.Context(), 1); err != nil {
				w.Fatal(err)
			}
		}
		return
	}
	if err := a.Start(); err != nil {
		w.Fatal(err)
	}
}

// settled waits until what should be is, and holds that the control plane, the launchers and the machines say the same.
func (w *world) settled(fleet *sim.Fleet, launched []string) {
	w.Helper()
	w.until("all tasks to be where they should", func() bool {
		return !slices.ContainsFunc(w.live(), func(row taskRow) bool { return row.Value.Status != ecsservice.Running || row.Value.Ending() })
	})
	var should, are []string
	for _, row := range w.live() {
		should = append(should, row.ID+"/main")
	}
	defer func() {
		if w.Failed() {
			w.Logf("should run: %v\nrun: %v", should, are)
		}
	}()
	w.until("machines to run what should run", func() bool {
		are = nil
		for _, a := range fleet.Agents() {
			are = append(are, a.Machine.Running()...)
		}
		slices.Sort(should)
		slices.Sort(are)
		return slices.Equal(should, are)
	})
	known := map[string]bool{}
	for row := range w.server.ECS.Tasks.All() {
		known[row.ID] = true
	}
	for _, arn := range launched {
		if id := arn[len(arn)-32:]; !known[id] {
			w.Errorf("%s is lost", arn)
		} else {
			delete(known, id)
		}
	}
	for id := range known {
		w.Errorf("task %s runs, and nobody was told", id)
	}
	for _, a := range fleet.Agents() {
		for container, starts := range a.Machine.Starts() {
			if starts != 1 {
				w.Errorf("%s was started %d times on %s", container, starts, a.Name)
			}
		}
	}
	w.Logf("%d tasks were launched, %d run at the end, on %d machines", len(launched), len(are), len(fleet.Agents()))
}
