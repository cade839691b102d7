package session

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/tcs"
)

// healthIn are the tasks whose health frames tell of, in order.
func healthIn(t *testing.T, frames []string) (tasks []tcs.TaskHealth, fins int) {
	t.Helper()
	for _, f := range frames {
		_, body, _ := strings.Cut(f, "\r\n\r\n")
		frame, err := decodeFrame([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if frame.Type != "PublishHealthRequest" {
			continue
		}
		var m tcs.PublishHealthRequest
		if err := json.Unmarshal(frame.Message, &m); err != nil {
			t.Fatal(err)
		}
		if len(m.Tasks) > tasksInMetrics || m.Metadata.ContainerInstance != instanceARN {
			t.Errorf("a message of %d tasks by %s", len(m.Tasks), m.Metadata.ContainerInstance)
		}
		if tasks = append(tasks, m.Tasks...); m.Metadata.Fin {
			fins++
		}
	}
	return tasks, fins
}

func TestHealthIsToldAtOnceWhenItChangesAndAgainAndAgain(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newPlane(), file, func(cfg *Config) {
			cfg.Health = func() (all []tcs.TaskHealth) {
				for i := range 12 {
					all = append(all, tcs.TaskHealth{TaskArn: fmt.Sprint("task-", i), Containers: []tcs.ContainerHealth{{ContainerName: "web", HealthStatus: "HEALTHY"}}})
				}
				return all
			}
		})
		c := <-r.plane.telling
		if tasks, fins := healthIn(t, c.sent()); len(tasks) != 12 || fins != 1 || tasks[11].TaskArn != "task-11" {
			t.Errorf("a connection begins with %d tasks, %d times the last", len(tasks), fins)
		}
		began := time.Now()
		for _, status := range []tcs.HealthStatus{"UNKNOWN", "UNHEALTHY"} {
			r.HealthChanged(tcs.TaskHealth{TaskArn: "task-3", Containers: []tcs.ContainerHealth{{ContainerName: "web", HealthStatus: status, StatusMessage: "refused"}}})
		}
		tasks, _ := healthIn(t, c.sent())
		if len(tasks) == 0 || time.Since(began) > 0 {
			t.Fatalf("a change is told after %s as %+v", time.Since(began), tasks)
		}
		if last := tasks[len(tasks)-1]; last.TaskArn != "task-3" || last.Containers[0].HealthStatus != "UNHEALTHY" || last.Containers[0].StatusMessage != "refused" {
			t.Errorf("told %+v", last)
		}
		time.Sleep(2 * publishEvery)
		if tasks, _ := healthIn(t, c.sent()); len(tasks) < 12 {
			t.Errorf("told again of %d tasks", len(tasks))
		}
		_ = r.end()
	})
}
