package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestCommittedPackagesAreWhatTheModelsSay(t *testing.T) {
	files, err := generate("../models")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Errorf("%v: run `go generate ./api`", err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("api/%s differs from what its model says: run `go generate ./api`", name)
		}
	}
}

func TestGeneratingTwiceGivesTheSameBytes(t *testing.T) {
	one, err := generate("../models")
	if err != nil {
		t.Fatal(err)
	}
	two, err := generate("../models")
	if err != nil {
		t.Fatal(err)
	}
	for name := range one {
		if !bytes.Equal(one[name], two[name]) {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{exported("clusterArn"), "ClusterArn"},
		{exported("expiredIdentityTokenMessage"), "ExpiredIdentityTokenMessage"},
		{exported("x-amz-meta"), "XAmzMeta"},
		{constant("LaunchType", "FARGATE"), "LaunchTypeFargate"},
		{constant("LaunchType", "MANAGED_INSTANCES"), "LaunchTypeManagedInstances"},
		{constant("TaskStopCode", "TaskFailedToStart"), "TaskStopCodeTaskFailedToStart"},
		{constant("NetworkMode", "awsvpc"), "NetworkModeAwsvpc"},
		{constant("InstanceType", "c5.2xlarge"), "InstanceTypeC52xlarge"},
		{goPattern(`[\u0009\u0020-\u00FF]+`), `[\x{0009}\x{0020}-\x{00FF}]+`},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}
