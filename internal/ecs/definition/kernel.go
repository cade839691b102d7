package definition

import (
	"path"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

func ulimits(_ *request, c *container) error {
	seen := map[api.UlimitName]bool{}
	for _, u := range c.Ulimits {
		if seen[u.Name] {
			return invalid("Duplicate ulimit '%s' in container '%s'.", u.Name, c.Name)
		}
		if u.SoftLimit > u.HardLimit && u.HardLimit >= 0 {
			return invalid("Invalid ulimit '%s' in container '%s': the soft limit is above the hard limit.", u.Name, c.Name)
		}
		seen[u.Name] = true
	}
	return nil
}

// namespacedControls are the kernel's parameters that a container can have of its own; those that end in a dot begin many.
var namespacedControls = strings.Fields(`kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni
	kernel.shm_rmid_forced fs.mqueue. net.`)

func systemControls(r *request, c *container) error {
	for _, s := range c.SystemControls {
		namespaced := slices.ContainsFunc(namespacedControls, func(name string) bool {
			return s.Namespace == name || strings.HasSuffix(name, ".") && strings.HasPrefix(s.Namespace, name)
		})
		switch {
		case s.Namespace == "" || s.Value == "":
			return invalid("Invalid 'systemControls' setting for container '%s': namespace and value must be specified.", c.Name)
		case !namespaced:
			return invalid("Invalid 'systemControls' setting for container '%s': '%s' is not a namespaced kernel parameter.", c.Name, s.Namespace)
		case r.NetworkMode == api.NetworkModeHost && strings.HasPrefix(s.Namespace, "net."):
			return invalid("When networkMode=host, the system control '%s' of container '%s' would change the host.", s.Namespace, c.Name)
		case r.IpcMode == api.IpcModeHost && !strings.HasPrefix(s.Namespace, "net."):
			return invalid("When ipcMode=host, the system control '%s' of container '%s' would change the host.", s.Namespace, c.Name)
		}
	}
	return nil
}

// kernelCapabilities are the names that ECS takes; ALL is every one.
var kernelCapabilities = strings.Fields(`ALL AUDIT_CONTROL AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID
	IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP
	SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME
	SYS_TTY_CONFIG SYSLOG WAKE_ALARM`)

func linuxParameters(_ *request, c *container) error {
	l := c.LinuxParameters
	if l == nil {
		return nil
	}
	if l.Capabilities != nil {
		for _, name := range slices.Concat(l.Capabilities.Add, l.Capabilities.Drop) {
			if !slices.Contains(kernelCapabilities, name) {
				return invalid("Invalid 'capabilities' setting for container '%s': there is no capability '%s'.", c.Name, name)
			}
		}
	}
	for _, d := range l.Devices {
		if !path.IsAbs(d.HostPath) || d.ContainerPath != "" && !path.IsAbs(d.ContainerPath) {
			return invalid("Invalid 'devices' setting for container '%s': '%s' is not an absolute path.", c.Name, d.HostPath)
		}
	}
	switch {
	case l.SharedMemorySize != nil && *l.SharedMemorySize < 0:
		return invalid("Invalid 'sharedMemorySize' setting for container '%s': it must not be negative.", c.Name)
	case l.MaxSwap != nil && *l.MaxSwap < 0:
		return invalid("Invalid 'maxSwap' setting for container '%s': it must not be negative.", c.Name)
	case l.Swappiness != nil && (*l.Swappiness < 0 || *l.Swappiness > 100):
		return invalid("Invalid 'swappiness' setting for container '%s': it must be between 0 and 100.", c.Name)
	}
	return tmpfs(c)
}

// tmpfsOptions are the mount options that ECS lets a tmpfs have; the latter ones take a value.
var tmpfsOptions = strings.Fields(`defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime
	diratime nodiratime bind rbind unbindable runbindable private rprivate shared rshared slave rslave relatime norelatime strictatime
	nostrictatime mode uid gid nr_inodes nr_blocks mpol`)

func tmpfs(c *container) error {
	for _, t := range c.LinuxParameters.Tmpfs {
		if !path.IsAbs(t.ContainerPath) {
			return invalid("Invalid 'tmpfs' setting for container '%s': containerPath '%s' is not an absolute path.", c.Name, t.ContainerPath)
		}
		if t.Size < 1 {
			return invalid("Invalid 'tmpfs' setting for container '%s': size must be at least 1 MiB.", c.Name)
		}
		for _, o := range t.MountOptions {
			if name, _, _ := strings.Cut(o, "="); !slices.Contains(tmpfsOptions, name) {
				return invalid("Invalid 'tmpfs' setting for container '%s': there is no mount option '%s'.", c.Name, o)
			}
		}
	}
	return nil
}
