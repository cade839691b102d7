package session

import (
	"fmt"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/db"
)

func TestMetricsAreSentTenTasksAtATime(t *testing.T) {
	s := &Session{identity: db.Identity{ContainerInstance: "arn:instance"}}
	used := make([]tcs.TaskMetric, 23)
	for i := range used {
		used[i].TaskArn = fmt.Sprint(i)
	}
	for _, c := range []struct {
		name  string
		usage func() ([]tcs.TaskMetric, bool)
		want  string // of each message: how many tasks, whether it says that none runs, whether it is the last
	}{
		{"without measuring", nil, "[0 idle fin]"},
		{"while none runs", func() ([]tcs.TaskMetric, bool) { return nil, true }, "[0 idle fin]"},
		{"while nothing is known of those that run", func() ([]tcs.TaskMetric, bool) { return nil, false }, ""},
		{"of ten tasks", func() ([]tcs.TaskMetric, bool) { return used[:10], false }, "[10 fin]"},
		{"of many", func() ([]tcs.TaskMetric, bool) { return used, false }, "[10][10][3 fin]"},
	} {
		s.Usage = c.usage
		got, ids, next := "", map[string]bool{}, 0
		for _, m := range s.metricsMessages(time.Now()) {
			got += fmt.Sprintf("[%d", len(m.TaskMetrics))
			if m.Metadata.Idle {
				got += " idle"
			}
			if m.Metadata.Fin {
				got += " fin"
			}
			got += "]"
			ids[m.Metadata.MessageId] = true
			for _, task := range m.TaskMetrics {
				if task.TaskArn != fmt.Sprint(next) {
					t.Errorf("%s: task %s instead of %d", c.name, task.TaskArn, next)
				}
				next++
			}
			if m.Metadata.ContainerInstance != "arn:instance" || m.Metadata.Cluster != "default" {
				t.Errorf("%s: %+v", c.name, m.Metadata)
			}
		}
		if got != c.want || len(ids) > 1 {
			t.Errorf("%s: %s, ids %v", c.name, got, ids)
		}
	}
}
