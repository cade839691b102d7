package image

import (
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/agent/engine"
)

func TestAnImageForAnotherPlatform(t *testing.T) {
	other := "arm64"
	if thisArch == other {
		other = "amd64"
	}
	registry, s := newRegistry(t, false), testStore(t, t.TempDir())
	both := registry.push(t, "both:v1", buildIndex(t, map[string]testImage{thisArch: buildImage(t, thisArch, file{"arch", thisArch}), other: buildImage(t, other, file{"arch", other})}))
	here := registry.push(t, "here:v1", buildImage(t, thisArch, file{"arch", thisArch}))
	there := registry.push(t, "there:v1", buildIndex(t, map[string]testImage{other: buildImage(t, other, file{"arch", other})}))
	for i, c := range []struct{ ref, platform, arch, says string }{
		{both, "linux/" + other, other, ""}, // with nothing of it here
		{both, "", thisArch, ""},
		{both, "linux/" + thisArch, thisArch, ""},
		{both, "linux/" + other, other, ""},
		{there, "linux/" + other, other, ""},
		{there, "", "", "matching platform 'linux/" + thisArch + "' (it has linux/" + other + ")"},
		{here, "linux/" + other, "", "matching platform 'linux/" + other + "' (it has linux/" + thisArch + ")"},
		{here, "", thisArch, ""},
		{here, "solaris on sparc", "", `platform "solaris on sparc"`},
	} {
		task := string(rune('a' + i))
		_, err := s.Pull(t.Context(), engine.PullRequest{Reference: c.ref, Platform: c.platform, Task: task, Container: "c"}, nil)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s for %q: %v", c.ref, c.platform, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s for %q: %v", c.ref, c.platform, err)
			continue
		}
		root, err := s.Prepare(t.Context(), task, "c", c.ref, c.platform)
		if err != nil || read(t, root, "arch") != c.arch || root.Platform.Architecture != c.arch {
			t.Errorf("%s for %q: %+v, %v", c.ref, c.platform, root, err)
		}
	}
	if all, err := s.List(t.Context()); err != nil || len(all) != 3 {
		t.Errorf("listed %+v, %v", all, err)
	}
}
