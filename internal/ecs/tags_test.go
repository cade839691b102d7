package ecs

import (
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

func TestTheTagsOfAStoppedTaskStayAsTheyAre(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.instance(1024, 1024)
	w.define(hostDefinition)
	task := got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "host"}))(w).Tasks[0].TaskArn
	tag := func(key string) error {
		_, err := w.TagResource(w.ctx, &api.TagResourceRequest{ResourceArn: task, Tags: []api.Tag{{Key: key, Value: "v"}}})
		return err
	}
	w.ok(tag("running"))
	w.ok(w.ApplyTaskReport(w.ctx, here, lastPart(task), TaskReport{Status: Stopped}))
	const want = "InvalidParameterException: The specified task is stopped. Specify a running task and try again."
	if err := tag("stopped"); err == nil || err.Error() != want {
		t.Errorf("tagged after its end: %v", err)
	}
	tags := got(w.ListTagsForResource(w.ctx, &api.ListTagsForResourceRequest{ResourceArn: task}))(w).Tags
	if len(tags) != 1 || tags[0].Key != "running" {
		t.Errorf("%+v", tags)
	}
}

func TestAResourceThatGoesWhileItIsTaggedIsMissing(t *testing.T) {
	w := newWorld(t, Config{})
	w.define(hostDefinition)
	found := got(w.tagged(w.ctx, here, TaskDefinitionARN(here, Revision{"host", 1})))(w)
	err := w.db.Update(w.ctx, func(tx *store.Tx) error {
		w.ok(w.TaskDefinitions.Delete(tx, here, Revision{"host", 1}.Key()))
		return found.change(tx, func(tags []api.Tag) ([]api.Tag, error) { return tags, nil })
	})
	if code(err) != "ResourceNotFoundException" {
		t.Error(err)
	}
}
