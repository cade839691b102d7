package ecs

import (
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// pinned is the image of a digest under a name that may be a tag's: "web:1@sha256:...". It is empty when the name says a digest itself,
// or one of the two is none.
func pinned(image, of string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	d, err := digest.Parse(of)
	if _, itself := named.(reference.Digested); itself || err != nil {
		return ""
	}
	full, err := reference.WithDigest(reference.TagNameOnly(named), d)
	if err != nil {
		return ""
	}
	return reference.FamiliarString(full)
}
