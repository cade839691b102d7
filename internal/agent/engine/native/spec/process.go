package spec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func newProcess(req Request, hostname string) (*specs.Process, error) {
	args, err := command(req)
	if err != nil {
		return nil, err
	}
	cwd, err := absolute("working directory", first(req.Config.WorkingDir, req.Image.WorkingDir, "/"))
	if err != nil {
		return nil, err
	}
	capabilities, err := capabilities(req.Host.CapAdd, req.Host.CapDrop, req.Host.Privileged)
	if err != nil {
		return nil, err
	}
	limits, err := ulimits(req)
	if err != nil {
		return nil, err
	}
	oom := req.Host.OomScoreAdj
	p := &specs.Process{
		Args: args, Cwd: cwd, Env: environment(req, hostname), Rlimits: limits, OOMScoreAdj: &oom,
		Capabilities: &specs.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities},
	}
	p.User.Umask = req.Host.Umask
	if p.Terminal = req.Config.Tty; p.Terminal {
		p.ConsoleSize = &specs.Box{Height: req.Host.ConsoleSize[0], Width: req.Host.ConsoleSize[1]}
	}
	return p, nil
}

// command joins entrypoint and command as Docker does: an entrypoint of the container's own drops the image's command,
// and [""] drops the image's entrypoint.
func command(req Request) ([]string, error) {
	entrypoint, cmd := req.Config.Entrypoint, req.Config.Cmd
	if len(entrypoint) == 0 {
		if len(cmd) == 0 {
			cmd = req.Image.Cmd
		}
		if entrypoint == nil {
			entrypoint = req.Image.Entrypoint
		}
	}
	if len(entrypoint) == 1 && entrypoint[0] == "" {
		entrypoint = nil
	}
	args := slices.Concat(entrypoint, cmd)
	if len(args) == 0 || args[0] == "" {
		return nil, errors.New("no command specified: neither the container nor its image names one")
	}
	return args, nil
}

// environment is Docker's: PATH and HOSTNAME, with a terminal its kind, the image's, then the container's, later ones replacing earlier ones.
// A name without "=" removes the variable.
func environment(req Request, hostname string) []string {
	env := []string{defaultPath, "HOSTNAME=" + hostname}
	at := map[string]int{"PATH": 0, "HOSTNAME": 1}
	if req.Config.Tty {
		at["TERM"] = len(env)
		env = append(env, "TERM=xterm")
	}
	for _, setting := range slices.Concat(req.Image.Env, req.Config.Env) {
		name, _, set := strings.Cut(setting, "=")
		i, known := at[name]
		switch {
		case set && known:
			env[i] = setting
		case set:
			at[name] = len(env)
			env = append(env, setting)
		case known:
			env[i] = ""
			delete(at, name)
		}
	}
	return slices.DeleteFunc(env, func(setting string) bool { return setting == "" })
}

// defaultCapabilities are Docker's.
var defaultCapabilities = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// available returns the capabilities that this machine lets containers have: in a virtual machine or container of its own,
// Berth may lack some.
func available() ([]string, error) {
	supported, err := capability.ListSupported()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, c := range supported {
		if has, err := capability.GetBound(c); err == nil && has {
			all = append(all, "CAP_"+strings.ToUpper(c.String()))
		}
	}
	slices.Sort(all)
	return all, nil
}

func capabilities(add, drop []string, privileged bool) ([]string, error) {
	all, err := available()
	if err != nil || privileged {
		return all, err
	}
	set := map[string]bool{}
	include := func(names []string, on bool) error {
		for _, name := range names {
			name = strings.ToUpper(name)
			if name == "ALL" {
				for _, c := range all {
					set[c] = on
				}
				continue
			}
			if !strings.HasPrefix(name, "CAP_") {
				name = "CAP_" + name
			}
			if !slices.Contains(all, name) {
				return fmt.Errorf("capability %q is not among those that this machine gives", name)
			}
			set[name] = on
		}
		return nil
	}
	everything := func(names []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, "ALL") })
	}
	named := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.EqualFold(n, "ALL") })
	}
	// Docker's order: ALL first, then what is named, so that "add ALL, drop X" and "drop ALL, add X" both work.
	switch {
	case everything(add):
		err = errors.Join(include(all, true), include(named(drop), false))
	case everything(drop):
		err = include(named(add), true)
	default:
		for _, c := range defaultCapabilities {
			set[c] = slices.Contains(all, c)
		}
		err = errors.Join(include(drop, false), include(add, true))
	}
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(set, func(_ string, on bool) bool { return !on })
	return slices.Sorted(maps.Keys(set)), nil
}

var ulimitNames = []string{"core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
	"rtprio", "rttime", "sigpending", "stack", "as"}

func ulimits(req Request) ([]specs.POSIXRlimit, error) {
	limits := []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: req.Machine.OpenFiles, Hard: req.Machine.OpenFiles}}
	for _, u := range req.Host.Ulimits {
		if !slices.Contains(ulimitNames, u.Name) {
			return nil, fmt.Errorf("there is no ulimit %q", u.Name)
		}
		if u.Soft > u.Hard && u.Hard != -1 {
			return nil, fmt.Errorf("ulimit %s: the soft limit %d is above the hard limit %d", u.Name, u.Soft, u.Hard)
		}
		limit := specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(u.Name), Soft: uint64(u.Soft), Hard: uint64(u.Hard)}
		if i := slices.IndexFunc(limits, func(l specs.POSIXRlimit) bool { return l.Type == limit.Type }); i >= 0 {
			limits[i] = limit
		} else {
			limits = append(limits, limit)
		}
	}
	return limits, nil
}

// stopSignal parses a signal's name or number; SIGTERM when none is given.
func stopSignal(names ...string) (int, error) {
	name := strings.ToUpper(first(append(names, "SIGTERM")...))
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n <= 64 {
		return n, nil
	}
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if n := unix.SignalNum(name); n != 0 {
		return int(n), nil
	}
	// Real-time signals as the C library counts them.
	for prefix, base := range map[string]int{"SIGRTMIN": 34, "SIGRTMAX": 64} {
		if distance, ok := strings.CutPrefix(name, prefix); ok {
			n, err := strconv.Atoi(first(distance, "0"))
			if err == nil && base+n >= 34 && base+n <= 64 {
				return base + n, nil
			}
		}
	}
	return 0, fmt.Errorf("stop signal %q is unknown", name)
}
