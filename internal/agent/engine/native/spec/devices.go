package spec

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// devices returns the device nodes to make and the rules on which may be used. libcontainer adds Docker's default
// devices (null, zero, random and so on) to both.
func devices(h container.HostConfig) ([]specs.LinuxDevice, []specs.LinuxDeviceCgroup, error) {
	if h.Privileged {
		all, err := devicesUnder("/dev", "/dev")
		return all, []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}, err
	}
	rules := []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	var all []specs.LinuxDevice
	for _, asked := range h.Devices {
		inside, err := absolute("device path", first(asked.PathInContainer, asked.PathOnHost))
		if err != nil {
			return nil, nil, err
		}
		access := first(asked.CgroupPermissions, "rwm")
		if strings.Trim(access, "rwm") != "" {
			return nil, nil, fmt.Errorf("device %s: permissions %q are not of r, w and m", asked.PathOnHost, access)
		}
		found, err := devicesUnder(asked.PathOnHost, inside)
		if err != nil {
			return nil, nil, fmt.Errorf("error gathering device information while adding custom device %q: %w", asked.PathOnHost, err)
		}
		if len(found) == 0 {
			return nil, nil, fmt.Errorf("error gathering device information while adding custom device %q: not a device node", asked.PathOnHost)
		}
		for _, d := range found {
			all = append(all, d)
			rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: d.Type, Major: &d.Major, Minor: &d.Minor, Access: access})
		}
	}
	return all, rules, nil
}

// notDevices are directories of /dev that hold file systems or the host's own ends of things.
var notDevices = []string{"/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/.lxc", "/dev/.lxd-mounts", "/dev/.udev", "/dev/console"}

// devicesUnder returns the device nodes at or below a path of the host, as they are to be inside the container.
func devicesUnder(host, inside string) ([]specs.LinuxDevice, error) {
	if real, err := filepath.EvalSymlinks(host); err == nil {
		host = real
	}
	var all []specs.LinuxDevice
	err := filepath.WalkDir(host, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case slices.Contains(notDevices, path) && d.IsDir():
			return fs.SkipDir
		case slices.Contains(notDevices, path) || d.Type()&fs.ModeDevice == 0:
			return nil
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return &os.PathError{Op: "lstat", Path: path, Err: err}
		}
		kind := "c"
		if st.Mode&unix.S_IFMT == unix.S_IFBLK {
			kind = "b"
		}
		mode := fs.FileMode(st.Mode & 0o7777)
		all = append(all, specs.LinuxDevice{
			Path: inside + strings.TrimPrefix(path, host), Type: kind,
			Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev)), FileMode: &mode, UID: &st.Uid, GID: &st.Gid,
		})
		return nil
	})
	return all, err
}
