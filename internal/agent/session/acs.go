package session

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/task"
)

// serveACS serves one connection by which desired state comes down.
func (s *Session) serveACS(ctx context.Context, tasks Tasks) (worked bool, err error) {
	where, err := s.endpoints(ctx)
	if err != nil {
		return false, err
	}
	q := s.common()
	q.Set("clusterArn", s.cluster())
	q.Set("containerInstanceArn", s.instance())
	q.Set("dockerVersion", "DockerVersion: "+s.Engine)
	q.Set("protocolVersion", "2")
	q.Set("seqNum", "1")
	q.Set("sendCredentials", strconv.FormatBool(!s.credentialsSent.Load()))
	c, protocol, err := s.dial(ctx, where.Endpoint, q)
	s.discovery.opens(err == nil)
	if err != nil {
		return false, err
	}
	s.Log.Info("connected", "instance", s.instance())
	defer s.opened(nil)
	d := &downlink{Session: s, tasks: tasks}
	err = serve(ctx, c, func(l *link) {
		if protocol >= reporting {
			l.reports = newReports(l)
		}
		s.opened(l)
		s.credentialsSent.Store(true)
		for _, a := range tasks.Attachments(s.Identity) {
			l.send(attachedMessage(a))
		}
		tasks.Hurry()
	}, d.handle)
	return d.heard.Load(), err
}

// opened remembers the open socket, for what others send on it.
func (s *Session) opened(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acs = l
}

// downlink handles the frames of one ACS connection, one after the other.
type downlink struct {
	*Session
	tasks    Tasks
	heard    atomic.Bool
	manifest string // id of the last manifest that was taken
}

// handle takes one frame and says whether it knew it.
func (d *downlink) handle(l *link, data []byte) bool {
	f, err := decodeFrame(data)
	known := true
	if err == nil {
		known, err = d.take(l, f)
	}
	if err != nil && l.ctx.Err() == nil {
		d.Log.Warn("a frame is not acted on", "type", f.Type, "error", err)
	}
	if err != nil || !known {
		d.ignored.Add(1)
	}
	if known && err == nil {
		d.heard.Store(true)
	}
	return known && err == nil
}

func (d *downlink) take(l *link, f frame) (known bool, err error) {
	switch f.Type {
	case "HeartbeatMessage":
		m, err := message[acs.HeartbeatMessage](f)
		if err == nil {
			l.send(&acs.HeartbeatAckRequest{MessageId: m.MessageId})
		}
		return true, err
	case "PayloadMessage":
		return true, d.takePayload(l, f)
	case "IAMRoleCredentialsMessage":
		return true, d.takeCredentials(l, f)
	case "TaskManifestMessage":
		return true, d.takeManifest(l, f)
	case "TaskStopVerificationAck":
		return true, d.takeStops(l, f)
	case "BerthTaskStateChangesAck":
		m, err := message[acs.BerthTaskStateChangesAck](f)
		if err == nil && l.reports != nil {
			l.reports.acknowledged(m)
		}
		return true, err
	case "BerthSessionMessage":
		m, err := message[acs.BerthSessionMessage](f)
		if err == nil {
			err = d.openStream(m, d.tasks.Has(m.TaskArn))
		}
		return true, err
	case "PerformUpdateMessage", "StageUpdateMessage":
		m, err := message[acs.PerformUpdateMessage](f)
		if err == nil {
			l.send(&acs.NackRequest{Cluster: m.ClusterArn, ContainerInstance: m.ContainerInstanceArn, MessageId: m.MessageId,
				Reason: "this agent does not update itself"})
		}
		return true, err
	case "CloseMessage":
		l.cancel(errClosed)
		return true, nil
	case "ErrorMessage", "ServerException", "BadRequestException", "InvalidClusterException", "InvalidInstanceException",
		"InactiveInstanceException", "AccessDeniedException":
		m, _ := message[acs.ErrorMessage](f)
		l.cancel(&refused{f.Type, m.Message})
		return true, nil
	}
	return false, nil
}

// takePayload makes a payload's tasks durable, with the place that it had in the order, and acknowledges them.
func (d *downlink) takePayload(l *link, f frame) error {
	p, assigned, err := decodePayload(f)
	if err != nil {
		return err
	}
	if own := d.instance(); p.ContainerInstanceArn != own {
		return fmt.Errorf("payload %s is for %s, not for this instance", p.MessageID, p.ContainerInstanceArn)
	}
	var acks []*acs.IAMRoleCredentialsAckRequest
	for _, a := range assigned {
		for role, c := range map[acs.RoleType]*acs.IAMRoleCredentials{
			acs.RoleTypeTaskApplication: a.Task.RoleCredentials, acs.RoleTypeTaskExecution: a.Task.ExecutionRoleCredentials} {
			if c != nil {
				d.Keyring.Set(a.ID, role, c)
				acks = append(acks, &acs.IAMRoleCredentialsAckRequest{MessageId: p.MessageID, CredentialsId: c.CredentialsId, Expiration: c.Expiration})
			}
		}
	}
	identity := d.advanced(p.timeline())
	if err := d.tasks.Apply(l.ctx, identity, assigned); err != nil {
		return fmt.Errorf("payload %s: %w", p.MessageID, err)
	}
	d.saved(identity)
	l.send(&acs.AckRequest{Cluster: p.ClusterArn, ContainerInstance: p.ContainerInstanceArn, MessageId: p.MessageID})
	for _, ack := range acks {
		l.send(ack)
	}
	return nil
}

// advanced is the identity as it is after it has seen a place in the order.
func (s *Session) advanced(timeline int64) db.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	identity := s.identity
	identity.Timeline = max(identity.Timeline, timeline)
	return identity
}

// saved takes an identity that is on disk as the present one.
func (s *Session) saved(identity db.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity.Timeline = max(s.identity.Timeline, identity.Timeline)
}

// takeCredentials takes fresh credentials of a task that is here.
func (d *downlink) takeCredentials(l *link, f frame) error {
	m, err := message[acs.IAMRoleCredentialsMessage](f)
	if err != nil {
		return err
	}
	id, err := task.ID(m.TaskArn)
	if err != nil {
		return err
	}
	if m.RoleCredentials == nil || !d.tasks.Has(m.TaskArn) {
		return fmt.Errorf("credentials %s are for no task that is here: %s", m.MessageId, m.TaskArn)
	}
	d.Keyring.Set(id, m.RoleType, m.RoleCredentials)
	l.send(&acs.IAMRoleCredentialsAckRequest{MessageId: m.MessageId, CredentialsId: m.RoleCredentials.CredentialsId,
		Expiration: m.RoleCredentials.Expiration})
	return nil
}

// takeManifest compares what runs with what the control plane knows of, and asks about the rest. A manifest that is
// older than what was seen is dropped: what it does not name may be newer than it.
func (d *downlink) takeManifest(l *link, f frame) error {
	m, err := message[acs.TaskManifestMessage](f)
	if err != nil {
		return err
	}
	identity := d.advanced(m.Timeline)
	d.mu.Lock()
	stale := m.Timeline <= d.identity.Timeline
	d.mu.Unlock()
	if stale {
		d.Log.Info("a manifest is out of date; it is dropped", "timeline", m.Timeline)
		return nil
	}
	if err := d.DB.PutIdentity(l.ctx, identity); err != nil {
		return err
	}
	d.saved(identity)
	d.manifest = m.MessageId
	l.send(&acs.AckRequest{Cluster: m.ClusterArn, ContainerInstance: m.ContainerInstanceArn, MessageId: m.MessageId})
	var candidates []acs.TaskIdentifier
	for _, arn := range d.tasks.Live(d.Identity) {
		if !slices.ContainsFunc(m.Tasks, func(t acs.TaskIdentifier) bool { return t.TaskArn == arn && t.DesiredStatus == "RUNNING" }) {
			candidates = append(candidates, acs.TaskIdentifier{TaskArn: arn, TaskClusterArn: m.ClusterArn, DesiredStatus: "STOPPED"})
		}
	}
	if len(candidates) > 0 {
		l.send(&acs.TaskStopVerificationMessage{MessageId: m.MessageId, StopCandidates: candidates})
	}
	return nil
}

// takeStops stops the tasks that the control plane confirms to be none of its own.
func (d *downlink) takeStops(l *link, f frame) error {
	m, err := message[acs.TaskStopVerificationAck](f)
	if err != nil {
		return err
	}
	if m.MessageId == "" || m.MessageId != d.manifest {
		return fmt.Errorf("stop verification %q is about another manifest than the last, %q", m.MessageId, d.manifest)
	}
	var arns []string
	for _, t := range m.StopTasks {
		arns = append(arns, t.TaskArn)
	}
	return d.tasks.Stop(l.ctx, arns)
}
