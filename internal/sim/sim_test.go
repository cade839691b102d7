package sim_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
)

func TestHollowAgentsRunTasks(t *testing.T) {
	w := newWorld(t)
	w.config.Telemetry = true
	w.fleet(3)
	arns := w.run(w.define("app", 64), 10)
	if len(arns) != 10 {
		t.Fatalf("%d tasks were placed", len(arns))
	}
	for _, arn := range arns {
		if task := w.status(arn, "RUNNING"); task.Containers[0].RuntimeId == "" || task.StartedAt.IsZero() {
			t.Errorf("%+v", task)
		}
	}
	call(w, ecs.StopTask, ecs.StopTaskRequest{Task: arns[0], Reason: "enough"})
	if task := w.status(arns[0], "STOPPED"); task.StopCode != ecs.TaskStopCodeUserInitiated || *task.Containers[0].ExitCode != 0 {
		t.Errorf("%+v", task)
	}
}

func TestTheirContainersFollowTheScript(t *testing.T) {
	w := newWorld(t)
	machine := w.fleet(1)[0].Machine
	machine.Script("short", fake.Behaviour{Runs: 10 * time.Millisecond, ExitCode: 3})
	machine.Script("broken", fake.Behaviour{StartFails: "no such command"})
	if task := w.status(w.run(w.define("short", 64), 1)[0], "STOPPED"); *task.Containers[0].ExitCode != 3 || task.StopCode != ecs.TaskStopCodeEssentialContainerExited {
		t.Errorf("%+v", task)
	}
	if task := w.status(w.run(w.define("broken", 64), 1)[0], "STOPPED"); task.StopCode != ecs.TaskStopCodeTaskFailedToStart || task.StartedAt.IsZero() == false {
		t.Errorf("%+v", task)
	}
	if left := machine.Tasks(); len(left) != 0 {
		t.Errorf("the machine still has %v", left)
	}
}

func TestAnAgentThatWasStoppedTakesUpItsTasks(t *testing.T) {
	w := newWorld(t)
	agent := w.fleet(1)[0]
	arn := w.run(w.define("app", 64), 1)[0]
	w.status(arn, "RUNNING")
	instance := agent.Instance()
	agent.Stop()
	agent.Machine.Exit(arn[len(arn)-32:], "main", 7)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	if task := w.status(arn, "STOPPED"); *task.Containers[0].ExitCode != 7 {
		t.Errorf("%+v", task)
	}
	if agent.Instance() != instance {
		t.Errorf("it was %s and is %s", instance, agent.Instance())
	}
}

// An agent is stopped at every moment of its joining.
func TestAnAgentIsStoppedWhileItJoins(t *testing.T) {
	w := newWorld(t)
	a := w.fleet(1)[0]
	for later := range 400 {
		a.Stop()
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		for moment := time.Now().Add(time.Duration(later) * 10 * time.Microsecond); time.Now().Before(moment); {
			runtime.Gosched()
		}
	}
}
