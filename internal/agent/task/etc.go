package task

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// etcFiles writes a container's own resolv.conf and hosts where its definition says more than what its task's containers
// share. The engine gives the container these, whatever it makes of Host itself.
func (t *task) etcFiles(spec *engine.ContainerSpec) error {
	h := &spec.Host
	if len(h.DNS)+len(h.DNSSearch)+len(h.DNSOptions) > 0 {
		base, err := t.shared(spec.ResolvConf, "resolv.conf")
		if err != nil {
			return err
		}
		content, err := resolvConf(base, h)
		if err != nil {
			return err
		}
		if spec.ResolvConf, err = t.file(filepath.Join("etc", spec.Name, "resolv.conf"), content); err != nil {
			return err
		}
	}
	if len(h.ExtraHosts) == 0 {
		return nil
	}
	base, err := t.shared(spec.Hosts, "hosts")
	if err != nil {
		return err
	}
	content, err := withHosts(base, h.ExtraHosts)
	if err != nil {
		return err
	}
	spec.Hosts, err = t.file(filepath.Join("etc", spec.Name, "hosts"), content)
	return err
}

// shared is the content of a file that a container would have otherwise: its own, or the one of the task.
func (t *task) shared(own, name string) ([]byte, error) {
	if own == "" {
		own = filepath.Join(t.dir(), name)
	}
	content, err := os.ReadFile(own)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// domain is a name that resolv.conf and hosts can hold.
var domain = regexp.MustCompile(`^[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,253}[a-zA-Z0-9_.])?$`)

// resolvConf is a resolv.conf with the servers, search domains and options of its own that a container has, each kind in
// place of the file's.
func resolvConf(base []byte, h *container.HostConfig) ([]byte, error) {
	var out bytes.Buffer
	for line := range strings.Lines(string(base)) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.TrimRight(word, "\t") {
		case "nameserver":
			if len(h.DNS) > 0 {
				continue
			}
		case "search", "domain":
			if len(h.DNSSearch) > 0 {
				continue
			}
		case "options":
			if len(h.DNSOptions) > 0 {
				continue
			}
		}
		out.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	for _, server := range h.DNS {
		fmt.Fprintf(&out, "nameserver %s\n", server)
	}
	var search []string
	for _, name := range h.DNSSearch {
		if name == "." { // as on Docker: none
			continue
		}
		if !domain.MatchString(name) {
			return nil, fmt.Errorf("%s is not a valid domain", name)
		}
		search = append(search, name)
	}
	if len(search) > 0 {
		fmt.Fprintf(&out, "search %s\n", strings.Join(search, " "))
	}
	for _, o := range h.DNSOptions {
		if strings.ContainsAny(o, " \t\r\n") {
			return nil, fmt.Errorf("%q is not an option of resolv.conf", o)
		}
	}
	if len(h.DNSOptions) > 0 {
		fmt.Fprintf(&out, "options %s\n", strings.Join(h.DNSOptions, " "))
	}
	return out.Bytes(), nil
}

// withHosts is a hosts file with further entries, each "name:address".
func withHosts(base []byte, extra []string) ([]byte, error) {
	out := bytes.NewBuffer(bytes.Clone(base))
	if len(base) > 0 && base[len(base)-1] != '\n' {
		out.WriteByte('\n')
	}
	for _, entry := range extra {
		name, at, _ := strings.Cut(entry, ":")
		address, err := netip.ParseAddr(strings.Trim(at, "[]"))
		switch {
		case err != nil:
			return nil, fmt.Errorf("invalid IP address in add-host: %q", at)
		case !domain.MatchString(name):
			return nil, fmt.Errorf("bad format for add-host: %q is not a host's name", name)
		}
		fmt.Fprintf(out, "%s\t%s\n", address, name)
	}
	return out.Bytes(), nil
}
