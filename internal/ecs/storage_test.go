package ecs

import (
	"strings"
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
)

func TestTheDiskOfATask(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.fargate(4096, 8192)
	w.define(webDefinition)
	w.define(strings.NewReplacer(`"family": "web"`, `"family": "large"`, `"cpu":`, `"ephemeralStorage": {"sizeInGiB": 50}, "cpu":`).Replace(webDefinition))
	for _, c := range []struct {
		family   string
		override *api.EphemeralStorage
		want     int32
	}{{"web", nil, 20}, {"large", nil, 50}, {"large", &api.EphemeralStorage{SizeInGiB: 21}, 21}} {
		r := web(1)
		r.TaskDefinition = c.family
		if c.override != nil {
			r.Overrides = &api.TaskOverride{EphemeralStorage: c.override}
		}
		task := got(w.RunTask(w.ctx, r))(w).Tasks[0]
		if task.EphemeralStorage.SizeInGiB != c.want || task.FargateEphemeralStorage.SizeInGiB != c.want {
			t.Errorf("%s with %v: %+v %+v", c.family, c.override, task.EphemeralStorage, task.FargateEphemeralStorage)
		}
	}
}
