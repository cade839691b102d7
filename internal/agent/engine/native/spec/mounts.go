package spec

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/mount"
	"github.com/opencontainers/runtime-spec/specs-go"
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
	if !req.Host.IpcMode.IsNone() {
		all = append(all, specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
			Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + strconv.FormatInt(shm, 10)}})
	}
	return all
}

func askedMounts(req Request) ([]specs.Mount, error) {
	var all []specs.Mount
	for _, b := range req.Host.Binds {
		m, err := bind(b)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	for _, asked := range req.Host.Mounts {
		m, err := mountPoint(asked)
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
		m := specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs", Options: []string{"noexec", "nosuid", "nodev"}}
		if options != "" {
			m.Options = append(m.Options, strings.Split(options, ",")...)
		}
		all = append(all, m)
	}
	return all, nil
}

// bind parses "source:destination[:options]". A source that isn't there becomes a directory, as Docker makes it.
func bind(b string) (specs.Mount, error) {
	parts := strings.Split(b, ":")
	if len(parts) < 2 || len(parts) > 3 || !path.IsAbs(parts[0]) {
		return specs.Mount{}, fmt.Errorf("bind %q is not SOURCE:DESTINATION[:OPTIONS] with an absolute source: named volumes are not supported by Berth", b)
	}
	destination, err := absolute("bind destination", parts[1])
	if err != nil {
		return specs.Mount{}, err
	}
	m := specs.Mount{Destination: destination, Type: "bind", Source: path.Clean(parts[0]), Options: []string{"rbind"}}
	access, propagation := "rw", "rprivate"
	if len(parts) == 3 {
		for o := range strings.SplitSeq(parts[2], ",") {
			switch o {
			case "ro", "rw":
				access = o
			case "private", "rprivate", "slave", "rslave":
				propagation = o
			case "z", "Z", "": // SELinux labels, which this engine doesn't set
			default:
				return specs.Mount{}, fmt.Errorf("bind %q: option %q is not supported by Berth", b, o)
			}
		}
	}
	m.Options = append(m.Options, access, propagation)
	if err := os.MkdirAll(m.Source, 0o755); err != nil {
		if _, statErr := os.Stat(m.Source); statErr != nil {
			return specs.Mount{}, fmt.Errorf("bind %q: %w", b, err)
		}
	}
	return m, nil
}

// mountPoint translates the newer form of mounts, whose sources must exist.
func mountPoint(m mount.Mount) (specs.Mount, error) {
	destination, err := absolute("mount target", m.Target)
	if err != nil {
		return specs.Mount{}, err
	}
	access := "rw"
	if m.ReadOnly {
		access = "ro"
	}
	switch {
	case m.Type == mount.TypeBind && m.BindOptions == nil && m.TmpfsOptions == nil && m.VolumeOptions == nil && m.ImageOptions == nil:
		if _, err := os.Stat(m.Source); err != nil {
			return specs.Mount{}, fmt.Errorf("bind source path does not exist: %s", m.Source)
		}
		return specs.Mount{Destination: destination, Type: "bind", Source: m.Source, Options: []string{"rbind", access, "rprivate"}}, nil
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
