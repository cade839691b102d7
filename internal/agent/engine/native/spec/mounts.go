package spec

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/mount"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-dev/berth/internal/agent/engine"
)

const defaultShmSize = 64 << 20

// mounts returns Docker's default mounts, the files of /etc and what the container asks for, which replaces the former,
// so that a mount comes after those above it.
func mounts(req Request) ([]specs.Mount, error) {
	all := defaultMounts(req)
	access := "rw"
	if req.Host.ReadonlyRootfs {
		access = "ro"
	}
	for destination, source := range map[string]string{
		"/etc/resolv.conf": req.ResolvConf, "/etc/hosts": req.Hosts, "/etc/hostname": req.HostnameFile,
	} {
		if source != "" {
			all = append(all, specs.Mount{Destination: destination, Type: "bind", Source: source, Options: []string{"rbind", access, "rprivate"}})
		}
	}
	asked, err := askedMounts(req)
	if err != nil {
		return nil, err
	}
	for i, m := range asked {
		if slices.ContainsFunc(asked[:i], func(o specs.Mount) bool { return o.Destination == m.Destination }) {
			return nil, fmt.Errorf("duplicate mount point: %s", m.Destination)
		}
		all = slices.DeleteFunc(all, func(o specs.Mount) bool { return o.Destination == m.Destination })
	}
	all = append(all, asked...)
	slices.SortStableFunc(all, func(a, b specs.Mount) int { return depth(a.Destination) - depth(b.Destination) })
	return all, nil
}

func depth(p string) int { return strings.Count(strings.TrimSuffix(p, "/"), "/") }

func defaultMounts(req Request) []specs.Mount {
	shm := req.Host.ShmSize
	if shm == 0 {
		shm = defaultShmSize
	}
	access := "ro"
	if req.Host.Privileged {
		access = "rw"
	}
	all := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", access}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts",
			Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{access, "nosuid", "noexec", "nodev"}},
	}
	switch {
	case req.Host.IpcMode.IsNone() || req.IPCMode == engine.NoNamespace:
	case req.Shm != "":
		all = append(all, specs.Mount{Destination: "/dev/shm", Type: "bind", Source: req.Shm, Options: []string{"rbind", "rprivate"}})
	default:
		all = append(all, specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
			Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + strconv.FormatInt(shm, 10)}})
	}
	return all
}

func askedMounts(req Request) ([]specs.Mount, error) {
	var all []specs.Mount
	for _, asked := range req.Host.Mounts {
		m, err := mountPoint(asked, req.Machine)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	for destination, options := range req.Host.Tmpfs {
		destination, err := absolute("tmpfs", destination)
		if err != nil {
			return nil, err
		}
		all = append(all, specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs", Options: tmpfsOptions(options)})
	}
	return all, nil
}

// tmpfsOptions are those asked for over Docker's. "defaults" are these; what is said of binds means nothing here.
func tmpfsOptions(asked string) []string {
	options := []string{"noexec", "nosuid", "nodev"}
	for o := range strings.SplitSeq(asked, ",") {
		switch o {
		case "", "defaults", "bind", "rbind", "remount":
		default:
			options = append(options, o)
		}
	}
	return options
}

// ParseBind parses "source:destination[:options]". A source that is a path becomes a directory if it isn't there, as Docker
// makes it; any other names a volume.
func ParseBind(b string) (mount.Mount, error) {
	parts := strings.Split(b, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" {
		return mount.Mount{}, fmt.Errorf("bind %q is not SOURCE:DESTINATION[:OPTIONS]", b)
	}
	destination, err := absolute("bind destination", parts[1])
	if err != nil {
		return mount.Mount{}, err
	}
	m := mount.Mount{Type: mount.TypeVolume, Source: parts[0], Target: destination}
	if path.IsAbs(parts[0]) {
		m.Type, m.Source, m.BindOptions = mount.TypeBind, path.Clean(parts[0]), &mount.BindOptions{CreateMountpoint: true}
	}
	if len(parts) == 2 {
		return m, nil
	}
	for o := range strings.SplitSeq(parts[2], ",") {
		switch {
		case o == "ro" || o == "rw":
			m.ReadOnly = o == "ro"
		case o == "nocopy" && m.Type == mount.TypeVolume:
			m.VolumeOptions = &mount.VolumeOptions{NoCopy: true}
		case slices.Contains(propagations, mount.Propagation(o)) && m.Type == mount.TypeBind:
			m.BindOptions.Propagation = mount.Propagation(o)
		case o == "z", o == "Z", o == "": // SELinux labels, which this engine doesn't set
		default:
			return mount.Mount{}, fmt.Errorf("bind %q: option %q is not supported by Berth", b, o)
		}
	}
	return m, nil
}

// propagations are those a bind can have: what a container mounts stays in its own mount namespace.
var propagations = []mount.Propagation{mount.PropagationPrivate, mount.PropagationRPrivate, mount.PropagationSlave, mount.PropagationRSlave}

// bind translates a mount of a path that is there.
func bind(m mount.Mount, destination string, machine Machine) (specs.Mount, error) {
	var o mount.BindOptions
	if m.BindOptions != nil {
		o = *m.BindOptions
	}
	depth, access, propagation := "rbind", "rw", first(string(o.Propagation), string(mount.PropagationRPrivate))
	if o.NonRecursive {
		depth = "bind"
	}
	switch {
	case m.ReadOnly && (machine.RecursiveReadonly && !o.ReadOnlyNonRecursive):
		access = "rro" // what is mounted below it too
	case m.ReadOnly && o.ReadOnlyForceRecursive:
		return specs.Mount{}, fmt.Errorf("mount %s: this machine's kernel makes no mount recursively read-only", m.Target)
	case m.ReadOnly:
		access = "ro"
	}
	if !slices.Contains(propagations, mount.Propagation(propagation)) {
		return specs.Mount{}, fmt.Errorf("mount %s: propagation %q is not supported by Berth", m.Target, propagation)
	}
	return specs.Mount{Destination: destination, Type: "bind", Source: m.Source, Options: []string{depth, access, propagation}}, nil
}

// mountPoint translates the newer form of mounts. The engine has seen to their sources.
func mountPoint(m mount.Mount, machine Machine) (specs.Mount, error) {
	destination, err := absolute("mount target", m.Target)
	if err != nil {
		return specs.Mount{}, err
	}
	access := "rw"
	if m.ReadOnly {
		access = "ro"
	}
	switch {
	case m.Type == mount.TypeBind && m.TmpfsOptions == nil && m.VolumeOptions == nil && m.ImageOptions == nil:
		return bind(m, destination, machine)
	case m.Type == mount.TypeTmpfs && m.BindOptions == nil && m.VolumeOptions == nil && m.ImageOptions == nil:
		t := specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs", Options: []string{"noexec", "nosuid", "nodev", access}}
		if o := m.TmpfsOptions; o != nil {
			if o.SizeBytes > 0 {
				t.Options = append(t.Options, "size="+strconv.FormatInt(o.SizeBytes, 10))
			}
			if o.Mode != 0 {
				t.Options = append(t.Options, fmt.Sprintf("mode=%o", o.Mode))
			}
			for _, pair := range o.Options {
				t.Options = append(t.Options, strings.Join(pair, "="))
			}
		}
		return t, nil
	}
	return specs.Mount{}, fmt.Errorf("mount of type %q on %s, or one of its options, is not supported by Berth", m.Type, m.Target)
}
