// Package spec translates a container in Docker's terms, as ECS hands it to an agent, into an OCI runtime specification
// with Docker's defaults. What is asked for and not built is refused by name, never ignored. The native engine calls it.
package spec

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/profiles/seccomp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Request is a container to translate.
type Request struct {
	RuntimeID string
	Config    container.Config
	Host      container.HostConfig
	Image     ocispec.ImageConfig

	// Hostname is the container's unless Config names one; the first 12 digits of RuntimeID when both are empty.
	Hostname string
	// OwnNetwork says that the container's network namespace is not the host's.
	OwnNetwork bool
	// PIDMode and IPCMode are the task's. Of namespaces that are the task's the shim knows the place.
	PIDMode, IPCMode engine.NamespaceMode
	// Shm is a directory for /dev/shm; empty: a file system of the container's own.
	Shm string
	// ResolvConf, Hosts and HostnameFile are files mounted at their places in /etc; empty ones are left to the image.
	ResolvConf, Hosts, HostnameFile string

	Machine Machine
}

// Machine is what the translation must know of the machine.
type Machine struct {
	UnifiedCgroups bool   // v2
	SwapAccounting bool   // memory and swap can be limited together
	Seccomp        bool   // filter system calls
	OpenFiles      uint64 // the limit of open files of a container that names none
	AppArmor       string // the profile of a container that names none; empty: the machine has no AppArmor
	// RecursiveReadonly says that a read-only mount can be so with all that is mounted below it.
	RecursiveReadonly bool
}

// Result is the translation.
type Result struct {
	// Spec lacks what only the shim knows: the root's path, the user's numbers, the network namespace, the cgroup.
	Spec       *specs.Spec
	Hostname   string
	User       string
	Groups     []string
	Init       bool
	Stdin      bool // open and empty
	StopSignal int
}

// New translates a request. Its errors say what is wrong with the container, or which parameters Berth does not build.
func New(req Request) (*Result, error) {
	if err := refuse(req.Config, req.Host); err != nil {
		return nil, err
	}
	hostname := req.Config.Hostname
	if hostname == "" {
		hostname = req.Hostname
	}
	if hostname == "" {
		hostname = req.RuntimeID[:12]
	}
	process, err := newProcess(req, hostname)
	if err != nil {
		return nil, err
	}
	mounts, err := mounts(req)
	if err != nil {
		return nil, err
	}
	linux, err := newLinux(req)
	if err != nil {
		return nil, err
	}
	s := &specs.Spec{
		Version: specs.Version, Hostname: hostname, Domainname: req.Config.Domainname,
		Root:    &specs.Root{Readonly: req.Host.ReadonlyRootfs},
		Process: process, Mounts: mounts, Linux: linux,
	}
	options, err := securityOptions(req.Host.SecurityOpt)
	if err != nil {
		return nil, err
	}
	s.Process.NoNewPrivileges = options.noNewPrivileges
	if s.Process.ApparmorProfile, err = appArmor(req, options); err != nil {
		return nil, err
	}
	if linux.Seccomp, err = systemCalls(req, options, s); err != nil {
		return nil, err
	}
	stop, err := stopSignal(req.Config.StopSignal, req.Image.StopSignal)
	if err != nil {
		return nil, err
	}
	return &Result{
		Spec: s, Hostname: hostname, User: first(req.Config.User, req.Image.User), Groups: req.Host.GroupAdd,
		Init: req.Host.Init != nil && *req.Host.Init, Stdin: req.Config.OpenStdin, StopSignal: stop,
	}, nil
}

// security is what SecurityOpt says.
type security struct {
	noNewPrivileges bool
	unconfined      bool
	profile         string // a seccomp profile as JSON; empty: Docker's
	appArmor        string // a profile's name; empty: the machine's default
}

func securityOptions(options []string) (security, error) {
	var s security
	for _, o := range options {
		key, value, given := strings.Cut(o, "=")
		if !given {
			key, value, given = strings.Cut(o, ":")
		}
		switch {
		case key == "no-new-privileges" && (!given || value == "true"):
			s.noNewPrivileges = true
		case key == "no-new-privileges" && value == "false":
		case key == "seccomp" && value == "unconfined":
			s.unconfined = true
		case key == "seccomp" && strings.HasPrefix(value, "{"):
			s.profile = value
		case key == "apparmor" && value != "":
			s.appArmor = value
		case key == "label" && value == "disable":
		default:
			return s, fmt.Errorf("SecurityOpt %q is not supported by Berth", o)
		}
	}
	return s, nil
}

// appArmor returns the name of the profile; empty for none.
func appArmor(req Request, options security) (string, error) {
	switch {
	case options.appArmor == "unconfined" || options.appArmor == "" && req.Host.Privileged:
		return "", nil
	case options.appArmor == "":
		return req.Machine.AppArmor, nil
	case req.Machine.AppArmor == "":
		return "", fmt.Errorf("AppArmor profile %q is asked for, and this machine has no AppArmor", options.appArmor)
	}
	return options.appArmor, nil
}

// systemCalls returns the filter: the one asked for, or Docker's without x32. The kernels of Fargate have no such system
// calls, nor has nearly any other, and to leave them out is the strict side: who tries one is killed. To compile the filter
// takes 8 ms then, not 13.
func systemCalls(req Request, options security, s *specs.Spec) (*specs.LinuxSeccomp, error) {
	switch {
	case options.profile != "" && !req.Machine.Seccomp:
		return nil, fmt.Errorf("a seccomp profile is asked for and Berth runs without seccomp")
	case options.profile != "":
		return seccomp.LoadProfile(options.profile, s)
	case !req.Machine.Seccomp || options.unconfined || req.Host.Privileged:
		return nil, nil
	}
	profile, err := seccomp.GetDefaultProfile(s)
	if err != nil {
		return nil, err
	}
	profile.Architectures = slices.DeleteFunc(profile.Architectures, func(a specs.Arch) bool { return a == specs.ArchX32 })
	return profile, nil
}

func newLinux(req Request) (*specs.Linux, error) {
	resources, err := resources(req)
	if err != nil {
		return nil, err
	}
	devices, rules, err := devices(req.Host)
	if err != nil {
		return nil, err
	}
	resources.Devices = rules
	sysctls, err := sysctls(req)
	if err != nil {
		return nil, err
	}
	l := &specs.Linux{
		Resources: resources, Devices: devices, Sysctl: sysctls,
		Namespaces:    namespaces(req),
		MaskedPaths:   chosen(req.Host.MaskedPaths, maskedPaths, req.Host.Privileged),
		ReadonlyPaths: chosen(req.Host.ReadonlyPaths, readonlyPaths, req.Host.Privileged),
	}
	if req.Host.CgroupnsMode.IsPrivate() || req.Host.CgroupnsMode == "" && req.Machine.UnifiedCgroups && !req.Host.Privileged {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return l, nil
}

// namespaces returns those of the container's own.
func namespaces(req Request) []specs.LinuxNamespace {
	all := []specs.LinuxNamespace{{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}}
	if req.PIDMode == engine.OwnNamespace {
		all = append(all, specs.LinuxNamespace{Type: specs.PIDNamespace})
	}
	if req.IPCMode == engine.OwnNamespace || req.IPCMode == engine.NoNamespace {
		all = append(all, specs.LinuxNamespace{Type: specs.IPCNamespace})
	}
	return all
}

// chosen returns the paths asked for, or the defaults, which a privileged container goes without.
func chosen(asked, defaults []string, privileged bool) []string {
	switch {
	case asked != nil:
		return asked
	case privileged:
		return nil
	}
	return defaults
}

var maskedPaths = []string{
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
	"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
}

var readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

// sysctls returns the kernel parameters to set. Only those that belong to a namespace of the container may be.
func sysctls(req Request) (map[string]string, error) {
	all := map[string]string{}
	if req.OwnNetwork {
		all["net.ipv4.ip_unprivileged_port_start"] = "0"
		all["net.ipv4.ping_group_range"] = "0 2147483647"
	}
	for name, value := range req.Host.Sysctls {
		switch {
		case strings.HasPrefix(name, "net.") && !req.OwnNetwork:
			return nil, fmt.Errorf("sysctl %q is the host's in a task on the host's network", name)
		case (strings.HasPrefix(name, "fs.mqueue.") || ipcSysctl(name)) && req.IPCMode == engine.HostNamespace:
			return nil, fmt.Errorf("sysctl %q is the host's in a task with ipcMode host", name)
		case strings.HasPrefix(name, "net."), strings.HasPrefix(name, "fs.mqueue."), ipcSysctl(name):
			all[name] = value
		default:
			return nil, fmt.Errorf("sysctl %q belongs to no namespace and would change the host", name)
		}
	}
	return all, nil
}

func ipcSysctl(name string) bool {
	switch name {
	case "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
		"kernel.shm_rmid_forced":
		return true
	}
	return false
}

// first returns the first value that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func absolute(what, p string) (string, error) {
	if !path.IsAbs(p) {
		return "", fmt.Errorf("%s %q is not an absolute path", what, p)
	}
	return path.Clean(p), nil
}
