package logdriver

import (
	"maps"
	"strings"
	"testing"
)

var info = Info{ContainerID: strings.Repeat("0123456789abcdef", 4), ContainerName: "/web", ContainerImageID: "sha256:fedcba9876543210", ContainerImageName: "busybox:1",
	ContainerCommand: []string{"a", "b"}, ContainerEnv: map[string]string{"STAGE": "prod", "HOME": "/", "team": "env"}, ContainerLabels: map[string]string{"team": "web", "tier": "1"}, DaemonName: "berth"}

func TestTags(t *testing.T) {
	for tag, want := range map[string]string{
		"":                                 "0123456789ab",
		"{{.ImageName}}/{{.Name}}/{{.ID}}": "busybox:1/web/0123456789ab",
		"{{.FullID}}":                      info.ContainerID,
		"{{.ImageID}} {{.ImageFullID}}":    "fedcba987654 sha256:fedcba9876543210",
		"{{.Command}} {{.DaemonName}}":     "a b berth",
		`{{index .ContainerLabels "tier"}} {{.ContainerName}}`:  "1 /web",
		`{{upper .Name}} {{truncate .FullID 3}} {{json .Name}}`: `WEB 012 "web"`,
		"plain": "plain",
	} {
		got, err := Source{Options: map[string]string{"tag": tag}, Info: info}.Tag(DefaultTag)
		if err != nil || got != want {
			t.Errorf("%s becomes %q, %v; want %q", tag, got, err, want)
		}
	}
	for _, tag := range []string{"{{.Nobody}}", "{{"} {
		if got, err := (Source{Options: map[string]string{"tag": tag}, Info: info}).Tag(DefaultTag); err == nil {
			t.Errorf("%s becomes %q", tag, got)
		}
	}
}

func TestAttributes(t *testing.T) {
	for _, c := range []struct{ options, want map[string]string }{
		{nil, map[string]string{}},
		{map[string]string{"labels": "tier, nobody", "env": "STAGE"}, map[string]string{"tier": "1", "STAGE": "prod"}},
		{map[string]string{"labels-regex": "^t", "env-regex": "^(STAGE|team)$"}, map[string]string{"tier": "1", "team": "env", "STAGE": "prod"}},
	} {
		if got := (Source{Options: c.options, Info: info}).Attributes(nil); !maps.Equal(got, c.want) {
			t.Errorf("%v: %v", c.options, got)
		}
	}
}
