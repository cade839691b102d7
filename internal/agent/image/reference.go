package image

import (
	"fmt"

	"github.com/distribution/reference"
)

// Normalize returns the full name of a reference as Docker reads it: "busybox" is "docker.io/library/busybox:latest",
// and a digest takes the place of a tag.
func Normalize(ref string) (string, error) {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return "", fmt.Errorf("%q: %w", ref, err)
	}
	return named.String(), nil
}

// registryOf returns the host, and port if any, that a normalized name is pulled from.
func registryOf(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return ""
	}
	if host := reference.Domain(named); host != "docker.io" {
		return host
	}
	return "registry-1.docker.io"
}
