package ecs

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// A client token is good for a day, whatever becomes of the tasks; then it is like new.
func TestATokenIsKeptForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := unserved(t)
		stop := w.start()
		defer stop()
		w.define(hostDefinition)
		w.instance(1024, 1024)
		run := func() (started []string) {
			out := got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "host", ClientToken: "daily"}))(w)
			for _, task := range out.Tasks {
				started = append(started, task.TaskArn)
			}
			return started
		}
		first := run()
		got(w.StopTask(w.ctx, &api.StopTaskRequest{Task: first[0]}))(w)
		w.ok(w.ApplyTaskReport(w.ctx, here, first[0][len(first[0])-32:], TaskReport{Status: Stopped}))
		synctest.Wait()
		time.Sleep(tokenKept - time.Second)
		if again := run(); !sameSet(again, first) {
			t.Errorf("within the day: %v, want %v", again, first)
		}
		time.Sleep(time.Second)
		if next := run(); len(next) != 1 || sameSet(next, first) {
			t.Errorf("after the day: %v, the first were %v", next, first)
		}
	})
}

// A request that is sent again while the first is on its way gets the first one's tasks, also where there is room for one of them only.
func TestATokenThatComesAgainMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := unserved(t)
		stop := w.start()
		defer stop()
		w.define(webDefinition)
		w.fargate(1024, 2*512)
		request := func() (*api.RunTaskResponse, error) {
			r := web(2)
			r.ClientToken = "again"
			return w.RunTask(w.ctx, r)
		}
		again := make(chan *api.RunTaskResponse, 1)
		once := true
		w.network.meanwhile = func() {
			if once {
				once = false
				go func() {
					out, err := request()
					if err != nil {
						t.Error(err)
					}
					again <- out
				}()
				synctest.Wait()
			}
		}
		first := got(request())(w)
		second := <-again
		if len(first.Tasks) != 2 || len(second.Tasks) != 2 || len(second.Failures) != 0 {
			t.Errorf("first %d tasks, then %d, failures %+v", len(first.Tasks), len(second.Tasks), second.Failures)
		}
	})
}

// What a client token is made of is said before it is remembered by.
func TestATokenIsOfPrintedCharacters(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(hostDefinition)
	w.instance(1024, 1024)
	_, call := w.wire()
	for _, token := range []string{`a\u0000b`, "a b", "é", `\u007f`} {
		status, answer := call("RunTask", `{"taskDefinition": "host", "clientToken": "`+token+`"}`)
		if code, _ := failure(t, answer); status != 400 || code != "InvalidParameterException" {
			t.Errorf("%s: %d %s", token, status, answer)
		}
	}
	if status, answer := call("RunTask", `{"taskDefinition": "host", "clientToken": "a/~!"}`); status != 200 {
		t.Error(answer)
	}
}

// A replay tells of the tasks that found no room too. One that was recorded when the tasks alone were tells of those.
func TestAReplayTellsWhatWasShort(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	w.fargate(1024, 512)
	r := web(3)
	r.ClientToken = "short"
	first, again := got(w.RunTask(w.ctx, r))(w), got(w.RunTask(w.ctx, r))(w)
	if len(again.Tasks) != 1 || len(again.Failures) != 2 || !slices.Equal(first.Failures, again.Failures) {
		t.Errorf("first %+v, then %+v", first, again)
	}

	old := web(1)
	old.ClientToken = "old"
	id := lastPart(first.Tasks[0].TaskArn)
	w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error {
		_, err := store.Once(tx, here, *got(runToken(old))(w), func() ([]string, error) { return []string{id}, nil })
		return err
	}))
	if out := got(w.RunTask(w.ctx, old))(w); len(out.Tasks) != 1 || out.Tasks[0].TaskArn != first.Tasks[0].TaskArn || len(out.Failures) != 0 {
		t.Errorf("%+v", out)
	}
}

// A launch that gets the tasks of another, whose commit came late, has not been short of room.
func TestAReplayIsNotShortOfRoom(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(hostDefinition)
	w.instance(1024, 1024)
	r := &api.RunTaskRequest{TaskDefinition: "host", ClientToken: "t"}
	got(w.RunTask(w.ctx, r))(w)
	token := got(runToken(r))(w)
	l := got(w.runOf(here, r))(w)
	w.ok(w.launch(w.ctx, here, l, token))
	if n, ok := w.LastUnplaced(here, "default", "host"); ok {
		t.Errorf("%+v", n)
	}
}
