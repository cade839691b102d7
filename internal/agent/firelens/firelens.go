// Package firelens writes the configuration of a FireLens router: the container that takes what the others of its task print and
// sends it on. internal/agent/task mounts it into the router, where the images of Fluent Bit and Fluentd look for it.
package firelens

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Where things are inside the router.
const (
	SocketDir = "/var/run" // Socket is in it
	Socket    = SocketDir + "/fluent.sock"
	Port      = "24224"
)

// Paths of the configuration inside the router, by its kind.
var Paths = map[string]string{
	"fluentbit": "/fluent-bit/etc/fluent-bit.conf",
	"fluentd":   "/fluentd/etc/fluent.conf",
}

// Router is what a router is to do.
type Router struct {
	Type string // "fluentbit" or "fluentd"
	// Listen is the address on which it takes records over TCP too, and answers health checks; empty: nowhere.
	Listen string
	// Fields are added to each record.
	Fields map[string]string
	// Include is the path, inside the router, of a further file of configuration; empty: none.
	Include string
	Outputs []Output
}

// Output is where what a container prints is sent on to.
type Output struct {
	Container string
	// Options are the container's log options. Without any the file that is included sees to it.
	Options map[string]string
	// Secrets are options that are in the router's environment, by the variables' names.
	Secrets map[string]string
}

// Tag is what the records of a container are tagged with.
func Tag(container, task string) string { return container + "-firelens-" + task }

// Options that are no output's: what the agent acts on, and the patterns of what is sent on.
const (
	includePattern = "include-pattern"
	excludePattern = "exclude-pattern"
)

var agents = []string{"mode", "max-buffer-size", "log-driver-buffer-limit", includePattern, excludePattern}

// word is what can name an option: it stands in a line with others.
var word = regexp.MustCompile(`^[!-~]+$`)

// Configuration is the router's configuration file. Its errors say which option can't be part of one.
func (r Router) Configuration() (string, error) {
	for _, o := range r.Outputs {
		if err := o.check(r.Type); err != nil {
			return "", fmt.Errorf("log options of container %s: %w", o.Container, err)
		}
	}
	switch r.Type {
	case "fluentbit":
		return r.fluentBit(), nil
	case "fluentd":
		return r.fluentd(), nil
	}
	return "", fmt.Errorf("unsupported firelens configuration type %s", r.Type)
}

// outputKey is the option that names the output, by the router's kind.
var outputKey = map[string]string{"fluentbit": "Name", "fluentd": "@type"}

func (o Output) check(kind string) error {
	for name, value := range o.Options {
		if !word.MatchString(name) || strings.ContainsAny(value, "\r\n\x00") {
			return fmt.Errorf("%q: neither an option's name nor its value may have line breaks", name)
		}
	}
	if len(o.names()) == 0 {
		return nil
	}
	if _, ok := o.Options[outputKey[kind]]; !ok {
		return fmt.Errorf("missing output key %s which is required for firelens configuration of type %s", outputKey[kind], kind)
	}
	return nil
}

// names are the output's options, sorted, secrets among them.
func (o Output) names() []string {
	all := slices.Concat(slices.Collect(maps.Keys(o.Options)), slices.Collect(maps.Keys(o.Secrets)))
	all = slices.DeleteFunc(all, func(name string) bool { return slices.Contains(agents, name) })
	slices.Sort(all)
	return slices.Compact(all)
}
