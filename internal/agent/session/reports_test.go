package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent/task"
)

// reporters submit tasks' changes at the same time, and count what came of them.
func (r *running) report(t *testing.T, tasks ...string) chan error {
	done := make(chan error, len(tasks))
	for _, name := range tasks {
		go func() {
			done <- r.Submit(t.Context(), &ecs.SubmitTaskStateChangeRequest{Task: name, Status: "RUNNING"})
		}()
		synctest.Wait()
	}
	return done
}

// frames are the reports in what was sent: one string of tasks for each frame.
func frames(t *testing.T, c *pipe) (all []string) {
	t.Helper()
	for _, data := range c.sent() {
		f, err := decodeFrame([]byte(data))
		m, err2 := message[acs.BerthTaskStateChangesMessage](f)
		if err != nil || err2 != nil || f.Type != "BerthTaskStateChangesMessage" {
			t.Fatalf("%s: %v, %v", data, err, err2)
		}
		text := m.MessageId + ":"
		for _, change := range m.Changes {
			_, name, _ := strings.Cut(string(change), `"task":"`)
			text += " " + name[:strings.IndexByte(name, '"')]
		}
		all = append(all, text)
	}
	return all
}

func (c *pipe) acknowledge(id string, unrecorded ...int) {
	c.down <- fmt.Appendf(nil, `{"type":"BerthTaskStateChangesAck","message":{"messageId":%q,"unrecorded":[%s]}}`,
		id, strings.Trim(strings.ReplaceAll(fmt.Sprint(unrecorded), " ", ","), "[]"))
}

func TestReportsGatherWhileAFrameIsOnItsWay(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlane()
		p.protocol = 2
		r := run(t, p, file)
		c := <-p.conns
		synctest.Wait()
		done := r.report(t, "a", "b", "c", "d")
		if sent := frames(t, c); fmt.Sprint(sent) != "[1: a]" {
			t.Fatalf("first %q", sent)
		}
		c.acknowledge("7") // of no frame
		c.acknowledge("1")
		if sent := frames(t, c); fmt.Sprint(sent) != "[2: b c d]" {
			t.Errorf("then %q", sent)
		}
		c.acknowledge("1") // again
		synctest.Wait()
		if len(done) != 1 {
			t.Errorf("%d are done before they are acknowledged", len(done))
		}
		c.acknowledge("2", 1)
		for range 4 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if calls := p.called("SubmitTaskStateChange"); len(calls) != 1 || !strings.Contains(calls[0], `"task":"c"`) {
			t.Errorf("what was not recorded is to be submitted by a request: %q", calls)
		}
	})
}

func TestReportsGoByRequestsWhereTheSocketDoesNotTakeThem(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlane()
		p.answers["SubmitTaskStateChange"] = nil
		r := run(t, p, file)
		c := <-p.conns
		synctest.Wait()
		if err := <-r.report(t, "a"); err != nil || len(c.sent()) != 0 || len(p.called("SubmitTaskStateChange")) != 1 {
			t.Errorf("a control plane that offers nothing: %v", err)
		}

		p.protocol = 2
		c.Close("")
		c = <-p.conns
		synctest.Wait()
		done := r.report(t, "b", "c")
		c.Close("") // before it acknowledges
		if err := errors.Join(<-done, <-done); err != nil || len(p.called("SubmitTaskStateChange")) != 3 {
			t.Errorf("a connection that breaks: %v", err)
		}

		<-p.conns
		synctest.Wait()
		began := time.Now()
		done = r.report(t, "d")
		if err := <-done; err != nil || time.Since(began) != time.Minute || len(p.called("SubmitTaskStateChange")) != 4 {
			t.Errorf("nothing is acknowledged: %v after %s", err, time.Since(began))
		}
		<-p.conns // the agent connects anew
	})
}

func TestARejectionComesFromTheRequest(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlane()
		p.protocol = 2
		r := run(t, p, file)
		c := <-p.conns
		synctest.Wait()
		p.mu.Lock()
		p.answers["SubmitTaskStateChange"] = func(jsontext.Value) (int, string) {
			return 400, `{"__type":"InvalidParameterException","message":"no"}`
		}
		p.mu.Unlock()
		done := r.report(t, "a")
		c.acknowledge("1", 0)
		if err := <-done; !errors.Is(err, task.ErrRejected) {
			t.Error(err)
		}
		long := &ecs.SubmitTaskStateChangeRequest{Task: "b", Reason: strings.Repeat("x", reportsSize)}
		if err := r.Submit(t.Context(), long); !errors.Is(err, task.ErrRejected) || len(frames(t, c)) != 1 {
			t.Errorf("what no frame may hold: %v", err)
		}
	})
}
