package task

import (
	"context"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// A service's tasks run what a tag stood for when the first of them ran: their payloads name images by tag and digest both,
// "web:1@sha256:...". The digest decides, and the tag is how an image is found that is on this machine already, perhaps alone.

// splitPinned takes a reference with a tag and a digest apart: the name with the tag, the digest, and the name with the digest.
func splitPinned(image string) (tagged string, of digest.Digest, exact string, ok bool) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", "", "", false
	}
	tag, hasTag := named.(reference.NamedTagged)
	pinned, hasDigest := named.(reference.Digested)
	if !hasTag || !hasDigest {
		return "", "", "", false
	}
	bare := reference.FamiliarName(named)
	return bare + ":" + tag.Tag(), pinned.Digest(), bare + "@" + pinned.Digest().String(), true
}

// imageOf is the reference under which a container's image is present once it was pulled.
func (t *task) imageOf(c *acs.Container) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if found, ok := t.images[c.Name]; ok {
		return found
	}
	return c.Image
}

// choose finds out under which reference to have a container's image, and by which policy: under its tag when the machine has that very
// image there, or one that no registry has; else under its digest.
func (t *task) choose(ctx context.Context, c *acs.Container, req engine.PullRequest) engine.PullRequest {
	tagged, of, exact, pinned := splitPinned(c.Image)
	if !pinned {
		return req
	}
	probe := req
	probe.Reference, probe.Policy, probe.Task, probe.Container = tagged, engine.PullIfAbsent, "", ""
	image, err := t.Engine.PullImage(ctx, probe, nil)
	req.Reference = exact
	if err == nil && (image.Digest == of.String() || image.Origin != engine.FromRegistry) {
		req.Reference, req.Policy = tagged, engine.PullIfAbsent
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.images == nil {
		t.images = map[string]string{}
	}
	t.images[c.Name] = req.Reference
	return req
}
