package tasks

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestHowTasksEnd runs tasks on each launch type and in each network mode and looks at what is said of their end.
func TestHowTasksEnd(t *testing.T) {
	w := start(t)

	for name, define := range map[string]func(...types.ContainerDefinition) *ecs.RegisterTaskDefinitionInput{
		"FARGATE awsvpc": fargate,
		"EC2 awsvpc": func(c ...types.ContainerDefinition) *ecs.RegisterTaskDefinitionInput {
			return onEC2(types.NetworkModeAwsvpc, c...)
		},
		"EC2 host": func(c ...types.ContainerDefinition) *ecs.RegisterTaskDefinitionInput {
			return onEC2(types.NetworkModeHost, c...)
		},
		"EC2 none": func(c ...types.ContainerDefinition) *ecs.RegisterTaskDefinitionInput {
			return onEC2(types.NetworkModeNone, c...)
		},
	} {
		t.Run("exit codes, "+name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			for _, code := range []int32{0, 7} {
				task := w.one(define(container("main", "exit", fmt.Sprint(code))), "STOPPED")
				w.exited(task, "main", code)
				w.ended(task, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited")
				if task.StartedAt == nil || task.StoppedAt == nil || task.ExecutionStoppedAt == nil || task.StoppingAt == nil || task.PullStoppedAt == nil {
					t.Errorf("a task that ran lacks a time: %+v", task)
				}
			}
		})
	}

	t.Run("an essential container's end stops the others in order", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		side := logged(container("side", "serve", "8081", "3"))
		side.Essential = aws.Bool(false)
		main := container("main", "fetch", "http://localhost:8080/name", "http://localhost:8081/name")
		task := w.one(fargate(main, container("other", "serve", "8080"), side), "STOPPED")
		w.exited(task, "main", 0)
		w.exited(task, "other", 0)
		w.exited(task, "side", 3)
		w.ended(task, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited")
		if got := w.printed(task, "side", 2); got[1] != "terminated" {
			t.Errorf("the other container was not told to stop: it printed %q", got)
		}
	})

	t.Run("the end of one that is not essential changes nothing", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		side := container("side", "exit", "5")
		side.Essential = aws.Bool(false)
		task := w.one(fargate(container("main", "serve", "8080"), side), "RUNNING")
		for w.byName(task, "side").ExitCode == nil {
			task = w.describe(task)
		}
		w.exited(task, "side", 5)
		if got := aws.ToString(w.byName(task, "side").LastStatus); got != "STOPPED" {
			t.Errorf("the container that ended is %s", got)
		}
		if got := w.ask(w.publicIP(task)+":8080", "name"); got != "" || aws.ToString(w.describe(task).DesiredStatus) != "RUNNING" {
			t.Errorf("the task does not go on: %q", got)
		}
		task = w.stop(task)
		w.exited(task, "main", 0)
		w.ended(task, types.TaskStopCodeUserInitiated, "Task stopped by user")
	})

	t.Run("a container that does not hear SIGTERM is killed after its stopTimeout", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		deaf, polite := logged(container("deaf", "deaf")), logged(container("polite", "run", "4"))
		deaf.StopTimeout = aws.Int32(2)
		task := w.one(onEC2(types.NetworkModeHost, deaf, polite), "RUNNING")
		w.printed(task, "deaf", 1) // from here on it is
		w.printed(task, "polite", 1)
		began := time.Now()
		task = w.stop(task)
		if took := time.Since(began); took < 2*time.Second || took > 15*time.Second {
			t.Errorf("it took %s, want a little more than the stopTimeout of 2 s", took)
		}
		w.exited(task, "deaf", 137)
		w.exited(task, "polite", 4)
	})

	t.Run("stopping twice is stopping once", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		task := w.one(fargate(container("main", "run", "0")), "RUNNING")
		var answers []types.Task
		for _, reason := range []string{"the first", "the second"} {
			out, err := w.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Task: task.TaskArn, Reason: aws.String(reason)})
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, *out.Task)
		}
		task = w.until("STOPPED", task)
		w.ended(task, types.TaskStopCodeUserInitiated, "the first")
		out, err := w.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Task: aws.String(id(task)), Reason: aws.String("the third")})
		if err != nil {
			t.Fatal(err)
		}
		for i, answer := range append(answers, *out.Task) {
			w.ended(answer, types.TaskStopCodeUserInitiated, "the first")
			if got := aws.ToString(answer.DesiredStatus); got != "STOPPED" {
				t.Errorf("answer %d: desired status %s", i+1, got)
			}
		}
	})

	t.Run("a task that is stopped before it runs", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		in := w.request(fargate(container("main", "run", "0")))
		in.Count = aws.Int32(5)
		for _, task := range w.run(in) {
			task = w.stop(task)
			w.ended(task, types.TaskStopCodeUserInitiated, "Task stopped by user")
		}
	})
}

// ended checks why a task stopped.
func (w *world) ended(task types.Task, code types.TaskStopCode, reason string) {
	w.t.Helper()
	if task.StopCode != code || aws.ToString(task.StoppedReason) != reason {
		w.t.Errorf("%s ended with %s: %q, want %s: %q%s", id(task), task.StopCode, aws.ToString(task.StoppedReason), code, reason, reasons(task))
	}
}

// TestMemoryRunsOut has containers use more than they may: their own limit, and their task's.
func TestMemoryRunsOut(t *testing.T) {
	w := start(t)
	small := container("main", "hog", "200")
	small.Memory = aws.Int32(64)
	side := container("side", "run", "0")
	for name, d := range map[string]*ecs.RegisterTaskDefinitionInput{
		"of the container":         onEC2(types.NetworkModeNone, small),
		"of the task":              fargate(container("main", "hog", "1000"), side),
		"of a container in a task": fargate(small, side),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			task := w.one(d, "STOPPED")
			w.exited(task, "main", 137)
			if got := aws.ToString(w.byName(task, "main").Reason); got != "OutOfMemoryError: Container killed due to memory usage" {
				t.Errorf("the container's reason is %q", got)
			}
			w.ended(task, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited")
		})
	}
}
