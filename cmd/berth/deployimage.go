package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/ecs"
)

// replaceImages puts the images that the flags name into a definition.
func (o *deployOptions) replaceImages(in *ecs.RegisterTaskDefinitionRequest) error {
	if o.definitions != "" {
		text, err := os.ReadFile(o.definitions)
		if err != nil {
			return fmt.Errorf("read the image definitions: %w", err)
		}
		if err := replaceByFile(in, text); err != nil {
			return fmt.Errorf("%s: %w", o.definitions, err)
		}
	}
	for _, given := range o.images {
		if err := replaceImage(in, given); err != nil {
			return err
		}
	}
	return nil
}

// replaceByFile takes the images of CodePipeline's imagedefinitions.json.
func replaceByFile(in *ecs.RegisterTaskDefinitionRequest, text []byte) error {
	var list []struct {
		Name     string `json:"name"`
		ImageURI string `json:"imageUri"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("it is no list of image definitions, such as [{\"name\": \"web\", \"imageUri\": \"shop/web:v2\"}]: %w", jsonError(text, err))
	}
	if len(list) == 0 {
		return fmt.Errorf("it names no image")
	}
	for i, d := range list {
		switch {
		case d.Name == "" || d.ImageURI == "":
			return fmt.Errorf("image definition %d has no name or no imageUri", i+1)
		case container(in, d.Name) == nil:
			return noContainer(in, d.Name)
		}
		container(in, d.Name).Image = d.ImageURI
	}
	return nil
}

// replaceImage takes NAME or CONTAINER=NAME. A NAME alone is for the only container, or the only one whose image has the same repository.
func replaceImage(in *ecs.RegisterTaskDefinitionRequest, given string) error {
	name, image, ok := strings.Cut(given, "=")
	if ok {
		c := container(in, name)
		switch {
		case image == "":
			return usagef("--image %s: the image's name is missing", given)
		case name == "":
			return usagef("--image %s: the container's name is missing", given)
		case c == nil:
			return noContainer(in, name)
		}
		c.Image = image
		return nil
	}
	var of []*ecs.ContainerDefinition
	for i := range in.ContainerDefinitions {
		if c := &in.ContainerDefinitions[i]; len(in.ContainerDefinitions) == 1 || repository(c.Image) == repository(given) {
			of = append(of, c)
		}
	}
	if len(of) != 1 {
		return usagef("--image %s: which container is it for? Say --image CONTAINER=%s, with one of %s", given, given, joinWords(containerNames(in)))
	}
	of[0].Image = given
	return nil
}

// repository is an image's name without its tag and its digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		image = image[:colon]
	}
	return image
}

func container(in *ecs.RegisterTaskDefinitionRequest, name string) *ecs.ContainerDefinition {
	for i := range in.ContainerDefinitions {
		if in.ContainerDefinitions[i].Name == name {
			return &in.ContainerDefinitions[i]
		}
	}
	return nil
}

func noContainer(in *ecs.RegisterTaskDefinitionRequest, name string) error {
	return fmt.Errorf("the definition of %s has no container %s, only %s", in.Family, name, joinWords(containerNames(in)))
}

func containerNames(in *ecs.RegisterTaskDefinitionRequest) (names []string) {
	for _, c := range in.ContainerDefinitions {
		names = append(names, c.Name)
	}
	return names
}

// familyOf is the family in a task definition's ARN.
func familyOf(definition string) string {
	family, _, _ := strings.Cut(afterSlash(definition), ":")
	return family
}
