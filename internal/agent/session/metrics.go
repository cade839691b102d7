package session

import (
	"time"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/api/tcs"
)

// tasksInMetrics is how many tasks one message tells of, as with the ECS agent.
const tasksInMetrics = 10

// metricsMessages are what the identity's tasks used since the last ones. While none runs, one says so: that is how an
// agent that has nothing to tell says that it lives. There is none while tasks run of which nothing is known yet.
func (s *Session) metricsMessages(now time.Time) []*tcs.PublishMetricsRequest {
	var used []tcs.TaskMetric
	idle := true
	if s.Usage != nil {
		used, idle = s.Usage()
	}
	var messages []*tcs.PublishMetricsRequest
	id := uuid.NewString()
	tell := func(tasks []tcs.TaskMetric, last bool) {
		messages = append(messages, &tcs.PublishMetricsRequest{Timestamp: schema.At(now), TaskMetrics: tasks, Metadata: &tcs.MetricsMetadata{
			Cluster: s.cluster(), ContainerInstance: s.instance(), MessageId: id, Idle: idle, Fin: last}})
	}
	if idle {
		tell(nil, true)
		return messages
	}
	for len(used) > 0 {
		n := min(len(used), tasksInMetrics)
		tell(used[:n], n == len(used))
		used = used[n:]
	}
	return messages
}
