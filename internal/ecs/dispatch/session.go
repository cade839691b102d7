package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// session is one ACS connection of one instance. One goroutine owns all of it but the mailbox and the link's end.
type session struct {
	*link
	d     *Dispatcher
	key   instanceKey
	id    string
	agent ecs.Agent
	log   *slog.Logger

	// Of the instance, as it was when the session began.
	clusterARN, selfARN string
	protocol            int    // version of Berth's additions that the agent speaks; 0: none
	dockerAPI           string // highest version that the agent can speak to its Docker
	leaving             bool   // it was deregistered: see leave
	verified            bool   // the agent was told which of its tasks to stop

	begun       func()        // makes room for the next session to begin
	recorded    atomic.Bool   // the instance's record has named this session
	overwritten chan struct{} // holds one when it no longer does: the record of one that was replaced came late

	openings chan acs.BerthSessionMessage // sessions into containers, for the agent
	mail     *mailbox
	sequence sequence
	manifest manifest
	orders   orders
	keys     keyring
	reports  reports
}

func newSession(ctx context.Context, d *Dispatcher, c conn, row store.Row[ecs.Instance], agent ecs.Agent) *session {
	i := row.Value
	s := &session{
		link: newLink(ctx, c), d: d, key: instanceKey{row.Scope, row.ID}, id: uuid.NewString(), agent: agent,
		clusterARN: ecs.ClusterARN(row.Scope, i.Cluster), selfARN: ecs.InstanceARN(row.Scope, i.Cluster, row.ID),
		protocol: i.Protocol, dockerAPI: dockerAPI(i.Attributes), leaving: i.Status == inactive,
		begun:       func() {},
		overwritten: make(chan struct{}, 1),
		openings:    make(chan acs.BerthSessionMessage),
		mail:        newMailbox(),
		sequence:    sequence{db: d.DB, table: d.sequences, scope: row.Scope, holder: row.ID},
		orders:      orders{tasks: map[string]*order{}},
		reports:     reports{applied: make(chan acs.BerthTaskStateChangesAck)},
	}
	s.log = d.Log.With("instance", s.selfARN, "session", s.id)
	return s
}

// farewell bounds the record of a session's end.
const farewell = 5 * time.Second

// run speaks with the agent until one of the two ends it.
func (s *session) run() {
	if err := s.d.sessions.enter(s.key, s); err != nil {
		s.conn.Close(closeCode(errShutdown), err.Error())
		return
	}
	defer s.d.sessions.leave(s.key, s)
	why := s.serve(s.loop)
	s.reports.work.Wait()
	s.log.Info("agent disconnected", "reason", why)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), farewell)
	defer cancel()
	if err := s.d.Observer.AgentDisconnected(ctx, s.key.scope, s.key.instance, s.id); err != nil {
		s.log.Error("the end of a session was not recorded", "error", err)
	}
}

func (s *session) loop() {
	if s.leaving {
		s.begun()
		s.leave()
		return
	}
	s.begin()
	s.begun()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for s.ctx.Err() == nil {
		s.act(time.Now())
		timer.Reset(time.Until(s.due()))
		select {
		case <-s.ctx.Done():
		case data := <-s.frames:
			s.heard = time.Now()
			s.receive(data)
		case ack := <-s.reports.applied:
			s.reports.inHand = false
			s.send(ack)
		case m := <-s.openings:
			s.send(m)
		case <-s.overwritten:
			s.record()
		case <-s.mail.more:
			for task := range s.mail.take() {
				s.look(task)
			}
		case <-timer.C:
		}
	}
}

// begin records the session and looks at all that the instance should run. When it cannot, the session ends.
func (s *session) begin() {
	if !s.record() {
		return
	}
	s.log.Info("agent connected", "version", s.agent.Version)
	// The book routes changes here since enter: what changes from now on is in the mailbox, what was before is read now.
	for row := range s.d.Tables.Tasks.Find(s.key.scope, ecs.LiveByInstance, s.key.instance) {
		s.look(row.ID)
	}
}

// record records that the agent is connected by this session. When it cannot, the session ends.
func (s *session) record() bool {
	err := s.d.Observer.AgentConnected(s.ctx, s.key.scope, s.key.instance, s.id, s.agent)
	if err != nil {
		if errors.Is(err, ecs.ErrInactiveInstance) {
			err = errInactive
		}
		s.cancel(fmt.Errorf("record the session: %w", err))
		return false
	}
	s.recorded.Store(true)
	return true
}

// act sends all that is due.
func (s *session) act(now time.Time) {
	s.keepAlive(now, acs.HeartbeatMessage{Healthy: true, MessageId: uuid.NewString()})
	s.sendManifest(now)
	s.sendOrders(now)
	s.refreshKeys(now)
}

// due is when act has something to do next, unless something happens before.
func (s *session) due() time.Time {
	return earliest(earliest(s.link.due(), s.manifest.due()), earliest(s.orders.due(), s.keys.due()))
}

// receive takes in a frame. One that makes no sense, that is about another instance, or that repeats an old one changes
// nothing.
func (s *session) receive(data []byte) {
	f, err := decodeFrame(data)
	if err == nil {
		err = s.take(f)
	}
	if err != nil {
		s.log.Debug("a frame was ignored", "type", f.Type, "error", err)
	}
}

func (s *session) take(f frame) error {
	switch f.Type {
	case "AckRequest":
		m, err := message[acs.AckRequest](f)
		if err == nil && lastPart(m.ContainerInstance) == s.key.instance {
			s.acknowledged(m.MessageId)
		}
		return err
	case "NackRequest":
		m, err := message[acs.NackRequest](f)
		if err == nil {
			s.log.Warn("the agent refused a message", "message", m.MessageId, "reason", short(m.Reason))
		}
		return err
	case "IAMRoleCredentialsAckRequest":
		m, err := message[acs.IAMRoleCredentialsAckRequest](f)
		if err == nil {
			s.keys.acknowledged(m)
		}
		return err
	case "TaskStopVerificationMessage":
		m, err := message[acs.TaskStopVerificationMessage](f)
		if err == nil {
			s.verifyStops(m)
		}
		return err
	case "BerthTaskStateChangesMessage":
		m, err := message[acs.BerthTaskStateChangesMessage](f)
		if err == nil {
			err = s.apply(m)
		}
		return err
	case "BerthAttachedMessage":
		m, err := message[acs.BerthAttachedMessage](f)
		if err == nil && s.protocol > 0 && s.mine(lastPart(m.TaskArn)) {
			err = s.d.Observer.ApplyHostAddress(s.ctx, s.key.scope, lastPart(m.TaskArn), m.AttachmentArn, m.HostAddress)
		}
		return err
	}
	return nil // HeartbeatAckRequest, and what a later agent may say
}

func (s *session) acknowledged(message string) {
	if message == s.manifest.message {
		s.manifest.acknowledged = true
		return
	}
	for _, task := range s.orders.acknowledged(message) {
		if err := s.d.Observer.ApplyStopAcknowledged(s.ctx, s.key.scope, task); err != nil {
			s.log.Warn("an acknowledged stop was not recorded", "task", task, "error", err)
		}
	}
}

// mine tells whether a task was given to this instance.
func (s *session) mine(task string) bool {
	row, ok := s.d.Tables.Tasks.Get(s.key.scope, task)
	return ok && row.Value.Instance == s.key.instance
}
