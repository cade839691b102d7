package logdriver

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/go-json-experiment/json"
)

// Info is what tags and attributes can say of a container. Its methods and names are those of Docker's tag templates.
type Info struct {
	ContainerID        string // 64 hexadecimal digits
	ContainerName      string // as Docker shows it, with its slash: "/ecs-FAMILY-REVISION-NAME-ID"
	ContainerImageID   string
	ContainerImageName string
	ContainerCreated   time.Time
	ContainerCommand   []string
	ContainerEnv       map[string]string // without secrets
	ContainerLabels    map[string]string
	DaemonName         string
}

// ID is the short form of the container's id.
func (i Info) ID() string { return short(i.ContainerID) }

// FullID is the container's id.
func (i Info) FullID() string { return i.ContainerID }

// Name is the container's name without its slash.
func (i Info) Name() string { return strings.TrimPrefix(i.ContainerName, "/") }

// ImageID is the short form of the image's id.
func (i Info) ImageID() string { return short(strings.TrimPrefix(i.ContainerImageID, "sha256:")) }

// ImageFullID is the image's id.
func (i Info) ImageFullID() string { return i.ContainerImageID }

// ImageName is the image as the definition names it.
func (i Info) ImageName() string { return i.ContainerImageName }

// Command is what the container runs.
func (i Info) Command() string { return strings.Join(i.ContainerCommand, " ") }

// Hostname is the machine's name.
func (i Info) Hostname() (string, error) { return os.Hostname() }

func short(id string) string { return id[:min(len(id), 12)] }

// DefaultTag is what most drivers name a container by.
const DefaultTag = "{{.ID}}"

var functions = template.FuncMap{
	"json": func(v any) (string, error) { text, err := json.Marshal(v); return string(text), err },
	"join": strings.Join, "split": strings.Split, "lower": strings.ToLower, "upper": strings.ToUpper,
	"pad": func(text string, before, after int) string {
		return strings.Repeat(" ", clamp(before)) + text + strings.Repeat(" ", clamp(after))
	},
	"truncate": func(text string, length int) string { return text[:min(len(text), max(length, 0))] },
}

func clamp(n int) int { return min(max(n, 0), 1024) }

func parseTag(text string) (*template.Template, error) {
	return template.New("log-tag").Funcs(functions).Parse(text)
}

// Tag is the source's tag: what its option says, or the standard.
func (s Source) Tag(standard string) (string, error) {
	text := s.Options["tag"]
	if text == "" {
		text = standard
	}
	t, err := parseTag(text)
	if err != nil {
		return "", err
	}
	var tag bytes.Buffer
	err = t.Execute(&tag, s.Info)
	return tag.String(), err
}

// Attributes are the labels and variables of the container that the options ask for. modify makes an attribute's name; it may be nil.
func (s Source) Attributes(modify func(string) string) map[string]string {
	all := map[string]string{}
	add := func(option string, from map[string]string) {
		wanted := list(s.Options[option])
		matching, _ := pattern(s.Options[option+"-regex"]) // CheckTagged tells of an error
		for name, value := range from {
			if !slices.Contains(wanted, name) && (matching == nil || !matching.MatchString(name)) {
				continue
			}
			if modify != nil {
				name = modify(name)
			}
			all[name] = value
		}
	}
	add("labels", s.Info.ContainerLabels)
	add("env", s.Info.ContainerEnv)
	return all
}

// pattern compiles an option's regular expression; nil for none.
func pattern(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	return regexp.Compile(text)
}
