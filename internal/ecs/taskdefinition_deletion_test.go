package ecs

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// retire deregisters and deletes a revision.
func (w *world) retire(ref string) {
	w.t.Helper()
	got(w.DeregisterTaskDefinition(w.ctx, &api.DeregisterTaskDefinitionRequest{TaskDefinition: ref}))(w)
	out := got(w.DeleteTaskDefinitions(w.ctx, &api.DeleteTaskDefinitionsRequest{TaskDefinitions: []string{ref, ref}}))(w)
	if len(out.Failures) != 0 || len(out.TaskDefinitions) != 2 || out.TaskDefinitions[0].DeleteRequestedAt.IsZero() {
		w.t.Fatalf("%+v", out)
	}
}

// status is a revision's; empty when it is gone.
func (w *world) status(ref string) api.TaskDefinitionStatus {
	w.t.Helper()
	synctest.Wait()
	out, err := w.DescribeTaskDefinition(w.ctx, &api.DescribeTaskDefinitionRequest{TaskDefinition: ref})
	if err != nil {
		return ""
	}
	return out.TaskDefinition.Status
}

func TestARevisionIsDeletedOnceItsTasksAreStopped(t *testing.T) {
	inBubble(t, func(w *world, _, _ *Instance) {
		task := w.run(onInstance())
		w.define(hostDefinition)
		w.retire("host:1")
		w.retire("host:2")
		if s := w.status("host:2"); s != "" {
			t.Errorf("the revision without tasks is %s", s)
		}
		time.Sleep(time.Hour)
		if s := w.status("host:1"); s != api.TaskDefinitionStatusDeleteInProgress {
			t.Errorf("the revision of a task that runs is %q", s)
		}
		families := got(w.ListTaskDefinitionFamilies(w.ctx, &api.ListTaskDefinitionFamiliesRequest{FamilyPrefix: "host"}))(w)
		if len(families.Families) != 1 {
			t.Errorf("families %v while a revision is left", families.Families)
		}
		if _, err := w.DeregisterTaskDefinition(w.ctx, &api.DeregisterTaskDefinitionRequest{TaskDefinition: "host:1"}); err == nil {
			t.Error("what is to be deleted is deregistered again")
		}
		if _, err := w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "host:1"}); err == nil || !strings.Contains(err.Error(), "TaskDefinition is inactive") {
			t.Errorf("what is to be deleted is run: %v", err)
		}
		w.report(task, TaskReport{Status: Stopped, Containers: []api.ContainerStateChange{stoppedWith("app", 0, "")}})
		time.Sleep(sweepEvery)
		if s := w.status("host:1"); s != "" {
			t.Errorf("the revision whose task has stopped is %s", s)
		}
		families = got(w.ListTaskDefinitionFamilies(w.ctx, &api.ListTaskDefinitionFamiliesRequest{FamilyPrefix: "host", Status: api.TaskDefinitionFamilyStatusAll}))(w)
		if len(families.Families) != 0 {
			t.Errorf("families %v with no revision left", families.Families)
		}
		w.define(hostDefinition)
		if s := w.status("host:3"); s != api.TaskDefinitionStatusActive {
			t.Errorf("the next revision is no third: %q", s)
		}
	})
}

func TestNoTaskIsCommittedOfARevisionThatIsRetiredMeanwhile(t *testing.T) {
	inBubble(t, func(w *world, _, _ *Instance) {
		w.network.meanwhile = func() {
			w.network.meanwhile = nil
			w.retire("web:1")
			synctest.Wait()
		}
		r := &api.RunTaskRequest{TaskDefinition: "web:1", LaunchType: api.LaunchTypeFargate, NetworkConfiguration: &api.NetworkConfiguration{
			AwsvpcConfiguration: &api.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}}}
		if out, err := w.RunTask(w.ctx, r); err == nil {
			t.Errorf("%+v", out)
		}
		if n := w.Tasks.Len(here); n != 0 {
			t.Errorf("%d tasks have no definition", n)
		}
	})
}

func TestDeletionGoesOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := store.Memory()
		s := New(db, &network{interfaces: store.NewTable[Interface](db, "test", "interface")}, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		if err := db.Start(ctx); err != nil {
			t.Fatal(err)
		}
		left := &TaskDefinition{Definition: api.TaskDefinition{Family: "f", Revision: 1, Status: api.TaskDefinitionStatusDeleteInProgress}}
		err := db.Update(ctx, func(tx *store.Tx) error { return s.TaskDefinitions.Create(tx, here, left.Revision().Key(), left) })
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- s.Run(ctx) }()
		synctest.Wait()
		if n := s.TaskDefinitions.Len(here); n != 0 {
			t.Errorf("%d revisions are left", n)
		}
		cancel()
		<-over
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFamilyHasAMillionRevisions(t *testing.T) {
	w := newWorld(t, Config{})
	w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error { return w.Families.Put(tx, here, "host", &Family{Last: maxRevisions - 1}) }))
	w.define(hostDefinition)
	out := got(w.DescribeTaskDefinition(w.ctx, &api.DescribeTaskDefinitionRequest{TaskDefinition: "host"}))(w)
	if out.TaskDefinition.Revision != maxRevisions {
		t.Errorf("revision %d", out.TaskDefinition.Revision)
	}
	_, call := w.wire()
	status, answer := call("RegisterTaskDefinition", hostDefinition)
	if code, message := failure(t, answer); status != 400 || code != api.LimitExceededException || !strings.Contains(message, "1000000 revisions") {
		t.Errorf("%d %s", status, answer)
	}
}
