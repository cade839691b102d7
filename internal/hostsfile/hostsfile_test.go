package hostsfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func file(t *testing.T, instance, text string) File {
	t.Helper()
	dir := t.TempDir()
	f := File{Path: filepath.Join(dir, "hosts"), Instance: instance}
	if err := os.WriteFile(f.Path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return f
}

func set(t *testing.T, f File, names ...string) string {
	t.Helper()
	if err := f.Set(names); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNamesComeAndGo(t *testing.T) {
	const others = "127.0.0.1 localhost\n# a comment\n10.0.0.1 db"
	f := file(t, "aaaa0001", others)
	want := others + "\n# berth aaaa0001: begin\n127.0.0.1 a.test\n::1 a.test\n127.0.0.1 b.test\n::1 b.test\n# berth aaaa0001: end\n"
	if got := set(t, f, "b.test", "a.test"); got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	other := f
	other.Instance = "bbbb0002"
	if got := set(t, other, "c.test"); !strings.HasPrefix(got, want) || !strings.Contains(got, "127.0.0.1 c.test\n") {
		t.Errorf("with another instance's it is\n%s", got)
	}
	set(t, f)
	if got := set(t, other); got != others+"\n" {
		t.Errorf("in the end it is %q", got)
	}
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(f.Path), ".*")); err != nil || len(left) > 0 {
		t.Errorf("beside it there is %v", left)
	}
}

func TestAFileThatIsNotThereIsMadeWhenItIsNeeded(t *testing.T) {
	f := file(t, "aaaa0001", "")
	if err := os.Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	if err := f.Set(nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(f.Path); err == nil {
		t.Error("it was made for nothing")
	}
	if got := set(t, f, "a.test"); !strings.Contains(got, "127.0.0.1 a.test") {
		t.Errorf("it is %q", got)
	}
}

func TestManyWriteAtOnce(t *testing.T) {
	f := file(t, "", "127.0.0.1 localhost\n")
	var all sync.WaitGroup
	for _, id := range []string{"aaaa0001", "bbbb0002", "cccc0003"} {
		one := f
		one.Instance = id
		all.Go(func() {
			for range 20 {
				if err := one.Set([]string{id + ".test"}); err != nil {
					t.Error(err)
				}
				if err := one.Set(nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := set(t, f); got != "127.0.0.1 localhost\n" {
		t.Errorf("in the end it is %q", got)
	}
}

// TestOnlyWhatIsBetweenTheMarksIsTouched edits texts with every kind of damage.
func TestOnlyWhatIsBetweenTheMarksIsTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := File{Instance: "aaaa0001"}
		begin, end := f.marks()
		lines := rapid.SliceOf(rapid.SampledFrom([]string{"127.0.0.1 localhost", "", "# x", "10.0.0.1 db", end})).Draw(t, "lines")
		others := strings.Join(lines, "\n")
		with := string(f.edit([]byte(others), []string{"a.test"}))
		if again := string(f.edit([]byte(with), []string{"a.test"})); again != with {
			t.Fatalf("edited twice %q is %q", with, again)
		}
		if got := string(f.edit([]byte(with), nil)); strings.TrimSuffix(got, "\n") != strings.TrimSuffix(others, "\n") || strings.Contains(got, begin) {
			t.Fatalf("%q became %q", others, got)
		}
	})
}

// TestNobodyReadsHalfAFile has names change under the eyes of a reader.
func TestNobodyReadsHalfAFile(t *testing.T) {
	f := file(t, "aaaa0001", "127.0.0.1 localhost\n")
	other := f
	other.Instance = "bbbb0002"
	one, two := []string{strings.Repeat("a", 60) + ".test"}, []string{"b.test", "c.test", strings.Repeat("d", 5000) + ".test"}
	_, end := f.marks()
	set(t, f, one...)
	set(t, other, "z.test")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 100 {
			if err := f.Set([][]string{one, two}[i%2]); err != nil {
				t.Error(err)
			}
		}
	}()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		text, err := os.ReadFile(f.Path)
		if err != nil || strings.Count(string(text), end+"\n") != 1 || strings.Count(string(text), "::1 z.test\n") != 1 ||
			string(f.edit(text, nil)) != "127.0.0.1 localhost\n# berth bbbb0002: begin\n127.0.0.1 z.test\n::1 z.test\n# berth bbbb0002: end\n" {
			t.Fatalf("somebody reads %q, %v", text, err)
		}
	}
}

func TestLinesAfterAnUnfinishedBlockAreKept(t *testing.T) {
	f := file(t, "aaaa0001", "127.0.0.1 localhost\n# berth aaaa0001: begin\n127.0.0.1 a.test\n10.0.0.1 db\n127.0.0.1 mine\n")
	if got := set(t, f); got != "127.0.0.1 localhost\n10.0.0.1 db\n127.0.0.1 mine\n" {
		t.Errorf("it is %q", got)
	}
}

func TestALinkStaysOne(t *testing.T) {
	f := file(t, "aaaa0001", "127.0.0.1 localhost\n")
	target := filepath.Join(t.TempDir(), "hosts")
	if err := errors.Join(os.Rename(f.Path, target), os.Symlink(target, f.Path)); err != nil {
		t.Fatal(err)
	}
	if got := set(t, f, "a.test"); !strings.Contains(got, "a.test") {
		t.Errorf("it is %q", got)
	}
	if to, err := os.Readlink(f.Path); err != nil || to != target {
		t.Errorf("the link is to %q, %v", to, err)
	}
}

func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	f := file(t, "aaaa0001", "127.0.0.1 localhost\n")
	if err := os.WriteFile(f.next(f.Path), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	set(t, f)
	if _, err := os.Stat(f.next(f.Path)); err == nil {
		t.Error("it is there")
	}
}

func TestALockThatSomebodyKeepsIsTold(t *testing.T) {
	f := file(t, "aaaa0001", "127.0.0.1 localhost\n")
	unlock, err := f.lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if err := f.Set([]string{"a.test"}); err == nil || !strings.Contains(err.Error(), f.Path) {
		t.Errorf("it is told %v", err)
	}
}
