package ecs

import "testing"

func TestPinned(t *testing.T) {
	const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, c := range []struct{ image, digest, want string }{
		{"web", digest, "web:latest@" + digest},
		{"team/web:v1", digest, "team/web:v1@" + digest},
		{"registry.example.com:5000/web:v1", digest, "registry.example.com:5000/web:v1@" + digest},
		{"web@" + digest, digest, ""},
		{"web:v1", "", ""},
		{"web:v1", "sha256:short", ""},
		{"UPPER", digest, ""},
	} {
		if got := pinned(c.image, c.digest); got != c.want {
			t.Errorf("%s of %s is %q, not %q", c.image, c.digest, got, c.want)
		}
	}
}
