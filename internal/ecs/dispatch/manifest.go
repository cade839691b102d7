package dispatch

import (
	"time"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/api/acs"
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

// manifest is the list of all tasks that the instance should have. It goes out once a session, until acknowledged; the
// agent answers with those that it runs beyond the list, and is told to stop them once each was looked up again.
type manifest struct {
	message      string // id of the last one sent
	acknowledged bool
	tries        int
	again        time.Time
}

func (m *manifest) due() time.Time {
	if m.acknowledged {
		return time.Time{}
	}
	return m.again
}

// patience is how long to wait for the answer to the n-th repetition of a message.
func patience(n int) time.Duration { return min(30*time.Second<<min(n, 10), 5*time.Minute) }

func (s *session) sendManifest(now time.Time) {
	m := &s.manifest
	if m.acknowledged || now.Before(m.again) || s.ctx.Err() != nil {
		return
	}
	// Each one gets a new number: an agent drops, without a word, one that is not above all that it has seen.
	timeline, err := s.sequence.next(s.ctx)
	if err != nil {
		s.cancel(err)
		return
	}
	list := acs.TaskManifestMessage{
		ClusterArn: s.clusterARN, ContainerInstanceArn: s.selfARN, MessageId: uuid.NewString(),
		GeneratedAt: now.UnixMilli(), Timeline: timeline, Tasks: []acs.TaskIdentifier{},
	}
	for row := range s.d.Tables.Tasks.Find(s.key.scope, ecs.LiveByInstance, s.key.instance) {
		if s.leaving {
			break // they are about to be closed
		}
		list.Tasks = append(list.Tasks, identifier(row))
	}
	m.message, m.again = list.MessageId, now.Add(patience(m.tries))
	m.tries++
	s.send(list)
}

// identifier names a task by its own cluster, which is not its instance's on a machine of the Fargate pool.
func identifier(row taskRow) acs.TaskIdentifier {
	return acs.TaskIdentifier{
		TaskArn:        ecs.TaskARN(row.Scope, row.Value.Cluster, row.ID),
		TaskClusterArn: ecs.ClusterARN(row.Scope, row.Value.Cluster),
		DesiredStatus:  string(row.Value.Told()),
	}
}

// verifyStops answers which of the tasks that an agent has beyond its manifest it is to stop. The manifest may be older
// than the task, so that each is looked up.
func (s *session) verifyStops(m acs.TaskStopVerificationMessage) {
	if m.MessageId != s.manifest.message {
		return // of an earlier manifest, or repeated
	}
	ack := acs.TaskStopVerificationAck{MessageId: m.MessageId, GeneratedAt: time.Now().UnixMilli(), StopTasks: []acs.TaskIdentifier{}}
	for _, c := range m.StopCandidates {
		if s.stops(c.TaskArn) {
			c.DesiredStatus = string(api.DesiredStatusStopped)
			ack.StopTasks = append(ack.StopTasks, c)
			s.log.Info("the agent runs a task that should not run", "task", c.TaskArn)
		}
	}
	s.send(ack)
	s.verified = true
}

// stops tells whether a task that the agent runs as this instance should not run.
func (s *session) stops(taskARN string) bool {
	if s.leaving {
		return true
	}
	row, known := s.d.Tables.Tasks.Get(s.key.scope, lastPart(taskARN))
	if !known || ecs.TaskARN(row.Scope, row.Value.Cluster, row.ID) != taskARN {
		return true
	}
	t := row.Value
	if t.Instance != s.key.instance {
		// One agent serves all identities of a machine: the task may be another's, or what is left of one's that was deregistered.
		self, ok := s.d.Tables.Instances.Get(s.key.scope, s.key.instance)
		if !ok || t.Machine != self.Value.Machine {
			return true
		}
	}
	return t.Told() == api.DesiredStatusStopped || !t.Status.Live()
}
