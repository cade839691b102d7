package main

import (
	"strings"
	"testing"

	"github.com/berth-dev/berth/api/ecs"
)

// defined is a definition with containers of names and images.
func defined(pairs ...string) *ecs.RegisterTaskDefinitionRequest {
	in := &ecs.RegisterTaskDefinitionRequest{Family: "shop"}
	for i := 0; i < len(pairs); i += 2 {
		in.ContainerDefinitions = append(in.ContainerDefinitions, ecs.ContainerDefinition{Name: pairs[i], Image: pairs[i+1]})
	}
	return in
}

// images are those of a definition, in order.
func images(in *ecs.RegisterTaskDefinitionRequest) string {
	var all []string
	for _, c := range in.ContainerDefinitions {
		all = append(all, c.Image)
	}
	return strings.Join(all, " ")
}

func TestReplacedImages(t *testing.T) {
	for _, c := range []struct {
		name, given string
		in          *ecs.RegisterTaskDefinitionRequest
		want        string // images, or part of the error
	}{
		{"the only container's", "other:v2", defined("web", "shop/web:v1"), "other:v2"},
		{"a container's that is named", "log=fluent:2", defined("web", "shop/web:v1", "log", "fluent:1"), "shop/web:v1 fluent:2"},
		{"the one of the same repository", "localhost:5000/web@sha256:0a", defined("web", "localhost:5000/web:v1", "log", "fluent:1"), "localhost:5000/web@sha256:0a fluent:1"},
		{"which of several is not said", "new:1", defined("web", "shop/web:v1", "log", "fluent:1"), "--image CONTAINER=new:1, with one of web, log"},
		{"two of the same repository", "shop/web:v2", defined("web", "shop/web:v1", "worker", "shop/web:v1"), "--image CONTAINER=shop/web:v2"},
		{"a container that is not there", "db=new:1", defined("web", "shop/web:v1"), "has no container db, only web"},
		{"no image", "web=", defined("web", "shop/web:v1"), "the image's name is missing"},
		{"no container", "=new:1", defined("web", "shop/web:v1"), "the container's name is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := replaceImage(c.in, c.given)
			if err == nil && images(c.in) != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %v; want %s", images(c.in), err, c.want)
			}
		})
	}
}

func TestImageDefinitions(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"as CodePipeline writes it", `[{"name":"web","imageUri":"r/web:2"},{"name":"log","imageUri":"r/log:2"}]`, "r/web:2 r/log:2"},
		{"of one container", `[{"name":"log","imageUri":"r/log:2"}]`, "r/web:1 r/log:2"},
		{"of no container", `[]`, "it names no image"},
		{"of another container", `[{"name":"db","imageUri":"r/db:2"}]`, "has no container db, only web, log"},
		{"without an image", `[{"name":"web"}]`, "image definition 1 has no name or no imageUri"},
		{"of blue/green deployments", `{"ImageURI":"r/web:2"}`, "it is no list of image definitions"},
		{"cut short", `[{"name":"web",`, "the JSON ends before it is complete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := defined("web", "r/web:1", "log", "r/log:1")
			err := replaceByFile(in, []byte(c.text))
			if err == nil && images(in) != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %v; want %s", images(in), err, c.want)
			}
		})
	}
}

func TestCommandsBeforeADeployment(t *testing.T) {
	definition := &ecs.RegisterTaskDefinitionRequest{ContainerDefinitions: []ecs.ContainerDefinition{{Name: "init", Essential: new(false)}, {Name: "app"}, {Name: "db"}}}
	for _, c := range []struct{ name, given, want string }{
		{"in the first essential container", "bin/migrate up --to 3", "app bin/migrate up --to 3"},
		{"in a container that is named", "init=migrate", "init migrate"},
		{"with quotes", `sh -c "a && b"`, "app sh -c a && b"},
		{"with an equals sign that names no container", "env A=b run", "app env A=b run"},
		{"empty", "app=", "--before has no command"},
		{"with a quote too few", `sh -c "a`, "--before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, err := taskBefore(definition, c.given)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v; want %s", err, c.want)
				}
				return
			}
			if got := first.container + " " + strings.Join(first.command, " "); got != c.want {
				t.Errorf("%s; want %s", got, c.want)
			}
		})
	}
}
