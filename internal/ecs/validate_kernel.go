package ecs

import (
	"path"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

func validateUlimits(c *api.ContainerDefinition) error {
	seen := map[api.UlimitName]bool{}
	for _, u := range c.Ulimits {
		if seen[u.Name] {
			return clientException("Duplicate ulimit '%s' in container '%s'.", u.Name, c.Name)
		}
		if u.SoftLimit > u.HardLimit && u.HardLimit >= 0 {
			return clientException("Invalid ulimit '%s' in container '%s': the soft limit is above the hard limit.", u.Name, c.Name)
		}
		seen[u.Name] = true
	}
	return nil
}

func validateSystemControls(mode api.NetworkMode, c *api.ContainerDefinition) error {
	for _, s := range c.SystemControls {
		switch {
		case s.Namespace == "" || s.Value == "":
			return clientException("Invalid 'systemControls' setting for container '%s': namespace and value must be specified.", c.Name)
		case mode == api.NetworkModeHost && strings.HasPrefix(s.Namespace, "net."):
			return clientException("When networkMode=host, the system control '%s' of container '%s' would change the host.", s.Namespace, c.Name)
		}
	}
	return nil
}

// tmpfsOptions are the mount options that ECS lets a tmpfs have; the latter ones take a value.
var tmpfsOptions = strings.Fields(`defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime
	diratime nodiratime bind rbind unbindable runbindable private rprivate shared rshared slave rslave relatime norelatime strictatime
	nostrictatime mode uid gid nr_inodes nr_blocks mpol`)

func validateTmpfs(c *api.ContainerDefinition) error {
	if c.LinuxParameters == nil {
		return nil
	}
	for _, t := range c.LinuxParameters.Tmpfs {
		if !path.IsAbs(t.ContainerPath) {
			return clientException("Invalid 'tmpfs' setting for container '%s': containerPath '%s' is not an absolute path.", c.Name, t.ContainerPath)
		}
		if t.Size < 1 {
			return clientException("Invalid 'tmpfs' setting for container '%s': size must be at least 1 MiB.", c.Name)
		}
		for _, o := range t.MountOptions {
			if name, _, _ := strings.Cut(o, "="); !slices.Contains(tmpfsOptions, name) {
				return clientException("Invalid 'tmpfs' setting for container '%s': there is no mount option '%s'.", c.Name, o)
			}
		}
	}
	return nil
}
