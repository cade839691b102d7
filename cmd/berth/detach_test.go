package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/berth-dev/berth/internal/instance"
)

func TestTheLogOfTheBackgroundFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.Symlink(target, filepath.Join(dir, "berth.log")); err != nil {
		t.Fatal(err)
	}
	if log, err := openLog(filepath.Join(dir, "berth.log")); err == nil {
		log.Close()
		t.Error("it was opened")
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("what the link points to was made")
	}
}

func TestTheBackgroundGetsTheSameFlags(t *testing.T) {
	dev := devCommand(&globals{})
	given := []string{"--docker-hub=team/,my-app", "--docker-hub=x", "--image-cleanup-interval=5m", "--strict-capacity", "--detach"}
	if err := dev.ParseFlags(given); err != nil {
		t.Fatal(err)
	}
	again := devCommand(&globals{})
	if err := again.ParseFlags(inForeground(dev)[1:]); err != nil {
		t.Fatal(err)
	}
	want := []string{"dev", "--docker-hub=team/,my-app,x", "--image-cleanup-interval=5m0s", "--strict-capacity=true"}
	if got := inForeground(again); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFlagsThatARunningBerthDoesNotGetAreTold(t *testing.T) {
	running := instance.Announcement{Endpoint: "http://127.0.0.1:4566", Region: "us-east-1", Account: "000000000000", Fast: true}
	for _, c := range []struct {
		name        string
		given, told []string
	}{
		{"none", []string{"-d"}, nil},
		{"as it is", []string{"-d", "--fast", "--listen=127.0.0.1:4566", "--region=us-east-1", "--account=000000000000"}, nil},
		{"otherwise", []string{"-d", "--fast=false", "--region=eu-west-1", "--listen=127.0.0.1:1"}, []string{"--fast", "--listen", "--region"}},
		{"what nothing tells of it", []string{"-d", "--strict-capacity", "--efs=fs-0123=/srv"}, []string{"--efs", "--strict-capacity"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev := devCommand(&globals{})
			if err := dev.ParseFlags(c.given); err != nil {
				t.Fatal(err)
			}
			if told := notApplied(dev, running); !slices.Equal(told, c.told) {
				t.Errorf("%q, want %q", told, c.told)
			}
		})
	}
}
