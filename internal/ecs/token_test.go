package ecs

import (
	"testing"
	"testing/synctest"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
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
