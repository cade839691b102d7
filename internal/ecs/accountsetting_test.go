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
		got(w.PutAccountSetting(as(t.Context(), wire.Root), &api.PutAccountSettingRequest{Name: "defaultLogDriverMode", Value: value, PrincipalArn: principal}))(w)
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

func TestOnlyTheRootNamesOtherPrincipals(t *testing.T) {
	w := newWorld(t, Config{})
	const user, other = "arn:aws:iam::000000000000:user/u", "arn:aws:iam::000000000000:user/other"
	ctx := wire.WithCaller(t.Context(), wire.Caller{Account: here.Account, Region: here.Region, Kind: wire.User, ARN: user})
	for principal, want := range map[string]string{"": code(nil), user: code(nil), other: "AccessDeniedException", rootARN(here): "AccessDeniedException"} {
		_, put := w.PutAccountSetting(ctx, &api.PutAccountSettingRequest{Name: "awsvpcTrunking", Value: "enabled", PrincipalArn: principal})
		_, listed := w.ListAccountSettings(ctx, &api.ListAccountSettingsRequest{PrincipalArn: principal})
		_, deleted := w.DeleteAccountSetting(ctx, &api.DeleteAccountSettingRequest{Name: "awsvpcTrunking", PrincipalArn: principal})
		if code(put) != want || code(listed) != want || code(deleted) != want {
			t.Errorf("a user names %q: %v, %v, %v", principal, put, listed, deleted)
		}
	}
}

func TestTheRootIsOneInEveryPartition(t *testing.T) {
	w := newWorld(t, Config{})
	root := wire.WithCaller(t.Context(), wire.Caller{Account: here.Account, Region: "cn-north-1", Kind: wire.Root, ARN: "arn:aws:iam::000000000000:root"})
	got(w.PutAccountSettingDefault(root, &api.PutAccountSettingDefaultRequest{Name: "awsvpcTrunking", Value: "enabled"}))(w)
	for _, principal := range []string{"", "arn:aws:iam::000000000000:root", "arn:aws-cn:iam::000000000000:root"} {
		set := got(w.ListAccountSettings(root, &api.ListAccountSettingsRequest{PrincipalArn: principal}))(w).Settings
		if len(set) != 1 || set[0].PrincipalArn != "arn:aws-cn:iam::000000000000:root" {
			t.Errorf("the root as %q has set %+v", principal, set)
		}
	}
}
