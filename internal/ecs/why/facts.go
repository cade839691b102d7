package why

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/ecs"
)

// facts are what a rule is held against.
type facts struct {
	c       *Case
	t       *ecs.Task
	of      *ecs.Container // that ended it; nil when none did
	reasons []string
	lines   []string
}

func failed(f *facts) bool     { return f.of != nil && f.of.ExitCode != nil && *f.of.ExitCode != 0 }
func notOrdered(f *facts) bool { return f.t.Stop == nil }
func stopped(f *facts) bool    { return f.t.Why() != nil && f.t.Stop == nil }

// found is the advice of the rule that fits.
type found struct {
	rule, cause string
	next        []string
}

// advise finds the rule that fits.
func advise(c *Case) (found, bool) {
	f := &facts{c: c, t: c.Task, of: culprit(c.Task)}
	if why := c.Task.Why(); why != nil {
		f.reasons = append(f.reasons, why.Reason)
	}
	for _, of := range c.Task.Containers {
		if of.Reason != "" {
			f.reasons = append(f.reasons, of.Reason)
		}
	}
	if f.of != nil {
		f.lines = c.Logs[f.of.Name].Lines
	}
	for i := range rules {
		r := &rules[i]
		caught, ok := r.fits(f)
		if !ok {
			continue
		}
		words := f.words()
		words["1"] = caught
		return found{r.name, fill([]string{r.cause}, words)[0], fill(f.possible(r.next), words)}, true
	}
	return found{}, false
}

// possible are those of the commands that can succeed: a log is only read where there is one.
func (f *facts) possible(next []string) []string {
	if of := f.subject(); of == nil || f.c.Logs[of.Name].Group != "" || len(f.c.Logs[of.Name].Lines) > 0 || !slices.Contains(next, seeLog) {
		return next
	}
	next = slices.DeleteFunc(slices.Clone(next), func(command string) bool { return command == seeLog })
	return append(next, "give container {container} a logConfiguration for awslogs: what it prints is kept and shown here then")
}

// subject is the container that a rule's texts are about: what ended the task, else its first.
func (f *facts) subject() *ecs.Container {
	if f.of != nil || len(f.t.Containers) == 0 {
		return f.of
	}
	if sick := unhealthy(f.t); sick != nil {
		return sick
	}
	return &f.t.Containers[0]
}

func (r *rule) fits(f *facts) (caught string, ok bool) {
	switch {
	case len(r.exits) > 0 && (f.of == nil || f.of.ExitCode == nil || !slices.Contains(r.exits, *f.of.ExitCode)):
		return "", false
	case len(r.codes) > 0 && (f.t.Why() == nil || !slices.Contains(r.codes, f.t.Why().Code)):
		return "", false
	case len(r.status) > 0 && !slices.Contains(r.status, f.t.Status):
		return "", false
	case r.when != nil && !r.when(f):
		return "", false
	case r.reason != "":
		return caughtIn(r.reason, f.reasons)
	case r.log != "":
		return caughtIn(r.log, f.lines)
	}
	return "", true
}

// caughtIn is what a pattern catches in the first text that it matches.
func caughtIn(pattern string, texts []string) (string, bool) {
	p := regexp.MustCompile(`(?s)` + pattern) // a dozen of them, for a question that a person asks
	for _, text := range texts {
		if m := p.FindStringSubmatch(text); m != nil {
			return m[len(m)-1], true
		}
	}
	return "", false
}

// words are what the braces of a rule's texts stand for.
func (f *facts) words() map[string]string {
	w := map[string]string{"task": f.t.ID[:min(12, len(f.t.ID))], "cluster": f.t.Cluster, "family": f.t.Definition.Family,
		"definition": f.t.Definition.String(), "container": "?", "image": "the image", "registry": "REGISTRY", "group": "GROUP", "memory": "its share of the task's"}
	if of := f.subject(); of != nil {
		w["container"], w["image"], w["registry"] = of.Name, of.Image, registryOf(of.Image)
		w["group"] = cmp.Or(f.c.Logs[of.Name].Group, w["group"])
		if of.Memory > 0 {
			w["memory"] = mib(int64(of.Memory))
		} else if f.t.MemoryLimit > 0 {
			w["memory"] = "the task's " + mib(f.t.MemoryLimit)
		}
	}
	return w
}

// registryOf is the host from which an image is pulled: what stands before the first slash, if that looks like one.
func registryOf(image string) string {
	host, _, ok := strings.Cut(image, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return "registry-1.docker.io"
	}
	return host
}

// fill puts words in place of the braces of texts.
func fill(texts []string, words map[string]string) []string {
	var pairs []string
	for name, word := range words {
		pairs = append(pairs, "{"+name+"}", word)
	}
	r := strings.NewReplacer(pairs...)
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = r.Replace(text)
	}
	return out
}
