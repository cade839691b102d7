package image

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/docker"
)

// names are the images that a store has, without their registry.
func names(t testing.TB, s *Store) (names []string) {
	t.Helper()
	all, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range all {
		names = append(names, image.Name[strings.LastIndex(image.Name, "/")+1:])
	}
	return names
}

// cleaned is a store of images a to e of a registry, of which c is imported and d a task's, all unused for long.
func cleaned(t testing.TB) (*Store, func(string) string) {
	t.Helper()
	registry := newRegistry(t, false)
	s := openStore(t, Config{Dir: t.TempDir(), Cleanup: Cleanup{Disabled: true}})
	ref := func(name string) string { return registry.name(name + ":v1") }
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		image := buildImage(t, thisArch, file{"version", name})
		if name == "c" {
			if _, err := s.Import(t.Context(), strings.NewReader(string(dockerArchive(t, ref(name), image))), nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		registry.push(t, name+":v1", image)
		req := engine.PullRequest{Reference: ref(name)}
		if name == "d" {
			req.Task, req.Container = "t1", "app"
		}
		if _, err := s.Pull(t.Context(), req, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s, ref
}

func TestCleanUpWhenTheDiskFillsUp(t *testing.T) {
	const all, ever = "a:v1 b:v1 c:v1 d:v1 e:v1", time.Nanosecond
	for _, c := range []struct {
		name    string
		cleanup Cleanup
		used    []int // what the disk is measured at, one after the other
		left    string
	}{
		{"there is room", Cleanup{MinimumAge: ever}, []int{85}, all},
		{"until there is", Cleanup{MinimumAge: ever}, []int{86, 81, 80}, "c:v1 d:v1 e:v1"},
		{"as many as one look may", Cleanup{MinimumAge: ever, PerCycle: 1}, []int{99, 99, 99}, "b:v1 c:v1 d:v1 e:v1"},
		{"neither what is used nor what can't be had again", Cleanup{MinimumAge: ever}, []int{99, 99, 99, 99, 99}, "c:v1 d:v1"},
		{"other thresholds", Cleanup{MinimumAge: ever, High: 50, Low: 40}, []int{51, 40}, "b:v1 c:v1 d:v1 e:v1"},
		{"not what was used of late", Cleanup{}, []int{99}, all},
		{"it is turned off", Cleanup{MinimumAge: ever, Disabled: true}, []int{99}, all},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := cleaned(t)
			c.cleanup.complete("")
			c.cleanup.Used = func() (int, error) {
				now := c.used[0]
				c.used = c.used[1:]
				return now, nil
			}
			if _, err := s.cleanUp(inside(t.Context()), c.cleanup); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(names(t, s), " "); got != c.left {
				t.Errorf("left are %s, want %s", got, c.left)
			}
		})
	}
}

func TestPrune(t *testing.T) {
	d := newDocker(t)
	prepared := func(t *testing.T) *Store {
		s, _ := cleaned(t)
		s.config.Docker = docker.NewDaemon(docker.Person{}, d.socket)
		for _, name := range []string{"kept", "gone"} {
			full := "docker.io/library/" + name + ":v1"
			d.has(t, full, thisArch, buildImage(t, thisArch, file{"version", name}))
			if _, err := obtain(t, s, full); err != nil {
				t.Fatal(err)
			}
		}
		delete(d.images, "docker.io/library/gone:v1")
		return s
	}
	for _, c := range []struct {
		name string
		req  engine.PruneRequest
		left string
	}{
		{"what can be had again", engine.PruneRequest{}, "gone:v1 c:v1 d:v1"},
		{"all but what a task uses", engine.PruneRequest{All: true}, "d:v1"},
		{"what was not used for a while", engine.PruneRequest{All: true, UnusedFor: time.Hour}, "gone:v1 kept:v1 a:v1 b:v1 c:v1 d:v1 e:v1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := prepared(t)
			before := names(t, s)
			removed, err := s.Prune(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			left := names(t, s)
			slices.Sort(left)
			want := strings.Fields(c.left)
			slices.Sort(want)
			if !slices.Equal(left, want) || len(removed) != len(before)-len(left) {
				t.Errorf("left are %v, want %v; told to be removed are %v", left, want, removed)
			}
			if err := s.Release(t.Context(), "t1"); err != nil {
				t.Fatal(err)
			}
			if removed, err := s.Prune(t.Context(), engine.PruneRequest{All: true}); err != nil || len(removed) != len(left) {
				t.Errorf("with no task left: %v, %v", removed, err)
			}
			nothingLeft(t, s)
		})
	}
}

func TestWhenAnImageWasUsedSurvivesTheProcess(t *testing.T) {
	s, ref := cleaned(t)
	before := time.Now().Add(-time.Second)
	if _, err := s.Prepare(t.Context(), "t2", "app", ref("a"), ""); err != nil {
		t.Fatal(err)
	}
	name, err := Normalize(ref("a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := openStore(t, Config{Dir: s.config.Dir})
	image, err := again.images.Get(inside(t.Context()), name)
	if err != nil || image.Labels[labelUsed] == "" || again.usage.last(image).Before(before.Truncate(time.Second)) {
		t.Errorf("%+v, %v", image, err)
	}
	if image.Labels[labelOrigin] != string(engine.FromRegistry) {
		t.Errorf("its origin is forgotten: %v", image.Labels)
	}
}

// However pulls, starts, ends and removals for lack of use fall together, a start that has its image keeps it.
func TestCleanUpBesideStarts(t *testing.T) {
	registry := newRegistry(t, false)
	s := openStore(t, Config{Dir: t.TempDir(), Cleanup: Cleanup{Disabled: true}})
	var refs []string
	digests := map[string]digest.Digest{}
	for i := range 6 {
		image := buildImage(t, thisArch, file{"version", fmt.Sprint(i)})
		ref := registry.push(t, fmt.Sprintf("app%d:v1", i), image)
		refs, digests[ref] = append(refs, ref), image.target.Digest
	}
	done := make(chan struct{})
	var pruning, starts sync.WaitGroup
	pruned := 0
	pruning.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			removed, err := s.Prune(t.Context(), engine.PruneRequest{All: true})
			if err != nil {
				t.Error(err)
				return
			}
			pruned += len(removed)
		}
	})
	for worker := range 3 {
		starts.Go(func() {
			for round := range 10 {
				ref, task := refs[2*worker+round%2], fmt.Sprintf("t-%d-%d", worker, round)
				if _, err := s.Pull(t.Context(), engine.PullRequest{Reference: ref, Task: task, Container: "app"}, nil); err != nil {
					t.Error(err)
					return
				}
				root, err := s.Prepare(t.Context(), task, "app", ref, "")
				if err != nil || root.Digest != digests[ref].String() {
					t.Errorf("%s: %+v, %v", ref, root, err)
				}
				if err := s.Release(t.Context(), task); err != nil {
					t.Error(err)
				}
			}
		})
	}
	starts.Wait()
	close(done)
	pruning.Wait()
	if pruned == 0 {
		t.Error("nothing was pruned meanwhile")
	}
}

func TestAnImageThatIsWantedIsNotRemoved(t *testing.T) {
	s, ref := cleaned(t)
	name, err := Normalize(ref("a"))
	if err != nil {
		t.Fatal(err)
	}
	image, err := s.images.Get(inside(t.Context()), name)
	if err != nil {
		t.Fatal(err)
	}
	release := s.usage.claim(name)
	if _, err := s.removeUnused(inside(t.Context()), image); !errors.Is(err, errInUse) {
		t.Errorf("while it is pulled: %v", err)
	}
	release()
	if _, err := s.removeUnused(inside(t.Context()), image); err != nil {
		t.Errorf("after that: %v", err)
	}
}
