// Package shortname tells which image names that name no registry are Docker Hub's. The image store and the Docker engine ask
// it before they pull.
package shortname

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// Rule says which names that tell no registry are Docker Hub's. On AWS all of them are. Beside a Docker daemon they
// are also what people call the images that they build, and anybody may have an image of that name on Docker Hub: one that
// is missing here is pulled only where its name is known to be Docker Hub's.
type Rule struct {
	// Hub are such names beside those that are known (shortnames.txt): "grafana/" is a namespace, "team/app" or "app" a
	// repository, and "all" every name.
	Hub []string
}

// shortNames are Docker's official images, and namespaces of publishers whose images task definitions often use.
//
//go:embed shortnames.txt
var shortNames string

// Is tells whether a valid reference names no registry. "library/" is Docker Hub's own namespace, and as good as one.
func Is(ref string) bool {
	first, _, ok := strings.Cut(ref, "/")
	if !ok {
		return true
	}
	named, err := reference.ParseNormalizedNamed(ref)
	return err == nil && reference.Domain(named) == hubDomain && first != hubDomain && first != "index.docker.io" && first != "library"
}

const hubDomain = "docker.io"

// Check returns the reason why a reference is not pulled from the registry that its name stands for.
func (s *Rule) Check(ref string) error {
	if s == nil || !Is(ref) {
		return nil
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return err
	}
	path := strings.TrimPrefix(reference.Path(named), "library/")
	namespace, _, ok := strings.Cut(path, "/")
	known := func(name string) bool {
		return name == "all" || name == path || ok && name == namespace+"/"
	}
	if slices.ContainsFunc(s.Hub, known) || slices.ContainsFunc(strings.Fields(shortNames), known) {
		return nil
	}
	hub := path
	if ok {
		hub = namespace + "/"
	}
	return &missing{ref: ref, full: reference.TagNameOnly(named).String(), hub: hub}
}

// missing is a short name that is not here, and that no registry is asked for. `berth why` knows it by its words (internal/ecs/why).
type missing struct{ ref, full, hub string }

func (m *missing) Error() string {
	return fmt.Sprintf("%s: neither Berth nor Docker on this machine has this image, and it is not taken from Docker Hub unasked: "+
		"build it (docker build -t %s .) or bring it (berth image import FILE); if Docker Hub's is meant, write %s, or start berth dev with --docker-hub %s",
		m.ref, m.ref, m.full, m.hub)
}
