package hostsfile

import (
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
	if left, err := filepath.Glob(f.Path + ".*"); err != nil || len(left) > 0 {
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
