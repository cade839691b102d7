package image

import (
	"net/http"
	"testing"

	"github.com/berth-dev/berth/internal/agent/engine"
)

func TestPullBehaviours(t *testing.T) {
	registry, s := newRegistry(t, false), testStore(t, t.TempDir())
	old, fresh := buildImage(t, thisArch, file{"version", "old"}), buildImage(t, thisArch, file{"version", "fresh"})
	ref := registry.push(t, "app:v1", old)
	imported := registry.name("imported:v1")
	mustImport(t, s, imported, old)
	registry.push(t, "imported:v1", fresh)
	get := func(ref string, policy engine.PullPolicy) string {
		t.Helper()
		image, err := s.Pull(t.Context(), engine.PullRequest{Reference: ref, Policy: policy}, nil)
		if err != nil {
			return "error"
		}
		return map[string]string{old.target.Digest.String(): "old", fresh.target.Digest.String(): "fresh"}[image.Digest]
	}
	for _, step := range []struct {
		what   string
		do     func()
		ref    string
		policy engine.PullPolicy
		want   string
	}{
		{"once pulls what is not here", nil, ref, engine.PullOnce, "old"},
		{"once does not pull again", func() { registry.push(t, "app:v1", fresh) }, ref, engine.PullOnce, "old"},
		{"nor does prefer-cached", nil, ref, engine.PullIfAbsent, "old"},
		{"default pulls again", nil, ref, engine.PullOrCached, "fresh"},
		{"prefer-cached takes what was imported", nil, imported, engine.PullIfAbsent, "old"},
		{"once pulls over what was imported", nil, imported, engine.PullOnce, "fresh"},
		{"default does with what is here", func() {
			registry.breaks(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(404); return true })
		}, ref, engine.PullOrCached, "fresh"},
		{"always does not", nil, ref, engine.PullAlways, "error"},
		{"default fails when nothing is here", nil, registry.name("other:v1"), engine.PullOrCached, "error"},
	} {
		if step.do != nil {
			step.do()
		}
		if got := get(step.ref, step.policy); got != step.want {
			t.Errorf("%s: %s, want %s", step.what, got, step.want)
		}
	}
}
