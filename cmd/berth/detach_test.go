package main

import (
	"os"
	"path/filepath"
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
