package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedDataDirectories damages one part after the other of a data directory that was in use, and puts it back: each
// start is refused with the part's name and what to do, and touches nothing.
func TestDamagedDataDirectories(t *testing.T) {
	data := place(t)
	start := func() call { return berth(t, "--data-dir", data, "dev", "-d", "--listen", "127.0.0.1:0") }
	stop := func() {
		if c := berth(t, "--data-dir", data, "down"); c.code != 0 {
			t.Fatalf("berth down: %s", c.stderr)
		}
	}
	if c := start(); c.code != 0 {
		t.Fatal(c.stderr)
	}
	if c := berth(t, "--data-dir", data, "run", "../../examples/hello-web/task-definition.json"); c.code != 0 {
		t.Fatal(c.stderr)
	}
	stop()
	cut := func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, text[:min(len(text)/3, 20<<10)], 0o600)
	}
	scribble := func(path string) error {
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		for at := int64(0); at < 64<<10; at += 512 {
			if _, err := file.WriteAt([]byte("not what was written here before"), at); err != nil {
				return err
			}
		}
		return nil
	}
	foreign := func(path string) error { return os.WriteFile(path, []byte("this is somebody's diary\n"), 0o600) }
	for _, test := range []struct {
		part   string // a pattern
		how    string
		damage func(string) error
		says   []string
	}{
		{"instance.json", "cut short", cut, []string{"instance.json", "restore"}},
		{"instance.json", "gone", os.Remove, []string{"no instance.json", "restore"}},
		{"keys", "cut short", cut, []string{"keys", "is damaged", "delete it for new keys"}},
		{"keys", "open to others", func(path string) error { return os.Chmod(path, 0o644) }, []string{"open to others", "chmod 600"}},
		{"etcd", "gone", os.RemoveAll, []string{"the state is missing", "restore"}},
		{"etcd/member/snap/db", "gone", os.Remove, []string{"the state is missing", "snap/db", "restore"}},
		{"etcd/member/snap/db", "cut short", cut, []string{"the state is damaged", "restore"}},
		{"etcd/member/snap/db", "overwritten", scribble, []string{"the state is damaged", "restore"}},
		{"etcd/member/wal", "gone", os.RemoveAll, []string{"the state is missing", "restore"}},
		{"etcd/member/wal/0000000000000000-*.wal", "overwritten", scribble, []string{"the state is damaged", "restore"}},
		{"logs/MANIFEST-*", "overwritten", scribble, []string{"log journal", data}},
		{"logs/MANIFEST-*", "gone", os.Remove, []string{"log journal", data}},
		{"history/MANIFEST-*", "overwritten", scribble, []string{"history of stopped tasks", data}},
		{"agent/agent.db", "overwritten", scribble, []string{"agent.db", data}},
		{"agent/agent.db", "somebody else's", foreign, []string{"agent.db", data}},
		{"agent/images/meta.db", "overwritten", scribble, []string{"images", data}},
	} {
		t.Run(test.part+" "+test.how, func(t *testing.T) {
			found, err := filepath.Glob(filepath.Join(data, test.part))
			if err != nil || len(found) == 0 {
				t.Fatalf("there is no %s (%v)", test.part, err)
			}
			top, _, _ := strings.Cut(test.part, "/")
			path, top, aside := found[0], filepath.Join(data, top), filepath.Join(filepath.Dir(data), "aside")
			if out, err := exec.Command("cp", "-a", "--sparse=always", top, aside).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if err := test.damage(path); err != nil {
				t.Fatal(err)
			}
			c := start()
			c.refused(t, 1, test.says...)
			if c.code == 0 {
				stop()
			}
			if err := errors.Join(os.RemoveAll(top), os.Rename(aside, top)); err != nil {
				t.Fatal(err)
			}
		})
	}
	if c := start(); c.code != 0 {
		t.Fatalf("with all put back: %s", c.stderr)
	}
	if c := berth(t, "--data-dir", data, "ps", "-a"); c.code != 0 || len(c.stdout) < 100 {
		t.Errorf("what was there is gone: %+v", c)
	}
}
