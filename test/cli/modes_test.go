package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOthersOfTheMachine: what is in the data and run directories is for their owner alone.
func TestOthersOfTheMachine(t *testing.T) {
	data := place(t)
	if err := os.Mkdir(data, 0o777); err != nil { // as people make it, before they start
		t.Fatal(err)
	}
	if c := berth(t, "--data-dir", data, "dev", "-d", "--listen", "127.0.0.1:0"); c.code != 0 {
		t.Fatal(c.stderr)
	}
	if c := berth(t, "--data-dir", data, "run", helloWeb); c.code != 0 {
		t.Fatal(c.stderr)
	}
	for _, dir := range []string{data, filepath.Join("/run/berth", instanceOf(t, data))} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v (%v), want 0700", dir, info.Mode(), err)
		}
	}
	for _, name := range []string{"keys", "instance.json", "lock", "../data.log", "agent/agent.db"} {
		if info, err := os.Stat(filepath.Join(data, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v (%v), want 0600", name, info.Mode(), err)
		}
	}
	// Behind those directories nothing may be written by others either: a task's root may be in a group of the host's.
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.Contains(path, "/snapshots/") { // images' own files
			return nil
		}
		info, err := d.Info()
		if err == nil && d.Type()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o022 != 0 {
			t.Errorf("%s can be written by others: %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
