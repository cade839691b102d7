package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
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
