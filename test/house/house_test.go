// Package house keeps the rules of the house that docs/architecture.md states: what may import what, that every
// package says what it is for, and that only the shim needs a C compiler.
package house

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const module = "github.com/berth-dev/berth"

// listed is what `go list` says of a package.
type listed struct {
	ImportPath   string
	Dir          string
	Doc          string
	Name         string
	Imports      []string
	Deps         []string
	CgoFiles     []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Standard     bool
}

// list runs `go list -json` and returns the packages by import path without the module's prefix.
func list(t *testing.T, args ...string) map[string]listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Doc,Name,Imports,Deps,CgoFiles,GoFiles,TestGoFiles,XTestGoFiles,Standard"}, args...)...)
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string]listed{}
	dec := jsontext.NewDecoder(bytes.NewReader(out))
	for dec.PeekKind() == '{' {
		var p listed
		if err := json.UnmarshalDecode(dec, &p); err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages[strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")] = p
	}
	return packages
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for path, p := range list(t, "./...") {
		if len(p.GoFiles) > 0 && len(p.Doc) < 40 {
			t.Errorf("%s: the package comment %q does not say what the package is for and who calls it", path, p.Doc)
		}
	}
}

// rule says what a part of the tree must not import.
type rule struct {
	name   string
	in     func(path string) bool
	banned func(path, imported string) bool
}

func under(dirs ...string) func(string) bool {
	return func(path string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return path == d || strings.HasPrefix(path, d+"/") })
	}
}

// services are the rooms that answer an AWS API; none of them knows the inside of another.
var services = []string{"internal/ecs", "internal/elb", "internal/acm", "internal/vpc", "internal/iam", "internal/logs", "internal/secrets"}

func room(path string) string {
	for _, s := range services {
		if under(s)(path) {
			return s
		}
	}
	return ""
}

var rules = []rule{
	{"api holds no logic: generated packages import only their descriptors", under("api"),
		func(path, imported string) bool {
			return !under("api/gen")(path) && strings.HasPrefix(imported, module) && imported != module+"/api/schema"
		}},
	{"wire knows no service", under("internal/wire"),
		func(path, imported string) bool { return room(inside(imported)) != "" }},
	{"a service knows no other service's inside", under(services...),
		func(path, imported string) bool {
			other := room(inside(imported))
			return other != "" && other != room(path)
		}},
	{"placement is pure: no store, no clock, no network", under("internal/ecs/placement"),
		func(path, imported string) bool {
			// Its query language reads dates.
			clock := imported == "time" && !under("internal/ecs/placement/query")(path)
			return clock || slices.Contains([]string{"net", "net/http", "os"}, imported) || under("internal/store")(inside(imported))
		}},
	{"the service scheduler's plan is pure: no store, no network", under("internal/ecs/service/plan"),
		func(path, imported string) bool {
			return slices.Contains([]string{"net", "net/http", "os", "context"}, imported) || under("internal/store")(inside(imported))
		}},
	{"definition is pure: no store, no clock, no network", under("internal/ecs/definition"),
		func(path, imported string) bool {
			return slices.Contains([]string{"time", "net", "net/http", "os"}, imported) || under("internal/store")(inside(imported))
		}},
	{"the agent never imports the control plane", under("internal/agent"),
		func(path, imported string) bool {
			in := inside(imported)
			return room(in) != "" || under("internal/store")(in) || in == "internal/wire"
		}},
	{"hollow agents know of the control plane what agents know", under("internal/sim"),
		func(path, imported string) bool {
			in := inside(imported)
			return room(in) != "" || under("internal/store", "internal/server")(in) || in == "internal/wire"
		}},
	{"only berth-shim links libcontainer", func(path string) bool { return !under("cmd/berth-shim")(path) },
		func(path, imported string) bool {
			return strings.HasPrefix(imported, "github.com/opencontainers/runc/")
		}},
}

func inside(imported string) string {
	in, ok := strings.CutPrefix(imported, module+"/")
	if !ok {
		return "\x00" + imported
	}
	return in
}

func TestNoRoomImportsWhatItMustNot(t *testing.T) {
	for path, p := range list(t, "./...") {
		for _, r := range rules {
			if !r.in(path) {
				continue
			}
			for _, imported := range p.Imports {
				if r.banned(path, imported) {
					t.Errorf("%s imports %s: %s", path, imported, r.name)
				}
			}
		}
	}
}

// TestBerthNeedsNoC proves that the program itself is built of Go alone, for every platform that it has: the shim is the
// one that links C, and only Linux has it.
func TestBerthNeedsNoC(t *testing.T) {
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/arm64"} {
		system, processor, _ := strings.Cut(platform, "/")
		build := exec.Command("go", "build", "-o", os.DevNull, "./cmd/berth")
		build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor)
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("berth does not build for %s without cgo: %v\n%s", platform, err, out)
		}
	}
	for path := range list(t, "-deps", "./cmd/berth") {
		if strings.HasPrefix(path, "github.com/opencontainers/runc/") {
			t.Errorf("berth depends on %s: only berth-shim may", path)
		}
	}
}

// TestNothingWorksInInit finds init functions. The shim's is how libcontainer starts a container's first process.
func TestNothingWorksInInit(t *testing.T) {
	allowed := under("cmd/berth-shim")
	for path, p := range list(t, "./...") {
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte("\nfunc init()")) && !allowed(path) {
				t.Errorf("%s/%s has an init function: start work where it can be stopped and seen", path, name)
			}
		}
	}
}
