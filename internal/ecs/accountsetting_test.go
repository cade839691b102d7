package ecs

import (
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

func TestTasksLogInTheModeOfWhoRunsThem(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.instance(4096, 8192)
	w.define(hostDefinition)
	mode := func(caller string) string {
		ctx := wire.WithCaller(t.Context(), wire.Caller{Account: here.Account, Region: here.Region, Kind: wire.User, ARN: caller})
		out := got(w.RunTask(ctx, &api.RunTaskRequest{TaskDefinition: "host"}))(w)
		if len(out.Tasks) != 1 {
			t.Fatalf("%+v", out.Failures)
		}
		id := lastPart(out.Tasks[0].TaskArn)
		defer w.until("it has made room", func() bool {
			w.ok(w.ApplyTaskReport(w.ctx, here, id, TaskReport{Status: Stopped}))
			return w.task(id).Status == Stopped && w.usedMemory(w.task(id).Machine) == 0
		})
		return w.task(id).LogMode
	}
	const root, user, session = "arn:aws:iam::000000000000:root", "arn:aws:iam::000000000000:user/u", "arn:aws:sts::000000000000:assumed-role/r/s"
	put := func(principal, value string) {
		got(w.PutAccountSetting(w.ctx, &api.PutAccountSettingRequest{Name: "defaultLogDriverMode", Value: value, PrincipalArn: principal}))(w)
	}
	if m := mode(root); m != "" {
		t.Errorf("nobody has set anything: %q", m)
	}
	put(root, "non-blocking")
	put("arn:aws:iam::000000000000:role/r", "blocking")
	for caller, want := range map[string]string{root: "non-blocking", user: "non-blocking", session: "blocking"} {
		if m := mode(caller); m != want {
			t.Errorf("tasks of %s log in mode %q, want %q", caller, m, want)
		}
	}
}
