package dispatch

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// reportOf is an agent's report that a task runs.
func reportOf(task string) jsontext.Value {
	return jsontext.Value(`{"cluster":"default","task":"` + arnOf(task) + `","status":"RUNNING","containers":[{"containerName":"db","status":"RUNNING"}]}`)
}

// speaks registers the instance's agent with a version of the protocol.
func (w *world) speaks(protocol int) {
	row := w.instance()
	changed := *row.Value
	changed.Protocol = protocol
	w.update(func(tx *store.Tx) error { return w.Tables.Instances.Put(tx, scope, instance, &changed) })
}

func TestReportsByTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.speaks(2)
		w.run(id('a'))
		w.run(id('b'), func(t *ecs.Task) { t.Instance = "another" })
		w.run(id('c'))
		a := w.connect()
		must[acs.PayloadMessage](a)
		a.say(acs.BerthTaskStateChangesMessage{MessageId: "1", Changes: []jsontext.Value{
			reportOf(id('a')), reportOf(id('b')), reportOf(id('e')), jsontext.Value(`{"task":7}`), reportOf(id('c'))}})
		ack := must[acs.BerthTaskStateChangesAck](a)
		slices.Sort(ack.Unrecorded)
		if ack.MessageId != "1" || !slices.Equal(ack.Unrecorded, []int32{1, 3}) {
			t.Errorf("%+v", ack)
		}
		for task, want := range map[byte]ecs.Status{'a': ecs.Running, 'b': ecs.Pending, 'c': ecs.Running} {
			if got := w.task(id(task)).Status; got != want {
				t.Errorf("task %c is %s", task, got)
			}
		}
	})
}

func TestOneFrameOfReportsIsInHandAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.speaks(2)
		w.run(id('a'))
		w.run(id('b'))
		a := w.connect()
		must[acs.PayloadMessage](a)
		busy := make(chan struct{})
		w.disk.busy.Store(&busy)
		say := func(message string, tasks ...byte) {
			m := acs.BerthTaskStateChangesMessage{MessageId: message}
			for _, task := range tasks {
				m.Changes = append(m.Changes, reportOf(id(task)))
			}
			a.say(m)
			synctest.Wait()
		}
		say("1", 'a')
		say("2", 'b')
		w.disk.busy.Store(nil)
		close(busy)
		if ack := must[acs.BerthTaskStateChangesAck](a); ack.MessageId != "1" {
			t.Errorf("%+v", ack)
		}
		if got := w.task(id('b')).Status; got != ecs.Pending {
			t.Errorf("what came out of turn was applied: %s", got)
		}
		say("3", slices.Repeat([]byte{'b'}, mostReports+1)...)
		if ack, ok := hear[acs.BerthTaskStateChangesAck](a, time.Second); ok {
			t.Errorf("more than a frame may hold: %+v", ack)
		}
		say("4", 'b')
		if ack := must[acs.BerthTaskStateChangesAck](a); ack.MessageId != "4" || w.task(id('b')).Status != ecs.Running {
			t.Errorf("%+v", ack)
		}
	})
}

func TestAnAgentThatRegisteredWithoutReportsIsNotHeardOnThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(id('a'))
		a := w.connect()
		must[acs.PayloadMessage](a)
		a.say(acs.BerthTaskStateChangesMessage{MessageId: "1", Changes: []jsontext.Value{reportOf(id('a'))}})
		if ack, ok := hear[acs.BerthTaskStateChangesAck](a, time.Second); ok || w.task(id('a')).Status != ecs.Pending {
			t.Errorf("%+v", ack)
		}
	})
}
