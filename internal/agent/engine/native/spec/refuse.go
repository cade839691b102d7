package spec

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// refuse reports every parameter that asks for something and that this package does not translate. It works by
// elimination, so that a parameter that Docker adds tomorrow is refused before it is built.
func refuse(config container.Config, host container.HostConfig) error {
	if !host.IpcMode.IsEmpty() && !host.IpcMode.IsPrivate() && !host.IpcMode.IsNone() {
		return fmt.Errorf("HostConfig.IpcMode %q is not supported by Berth", host.IpcMode)
	}
	if host.OomKillDisable != nil && !*host.OomKillDisable {
		host.OomKillDisable = nil
	}
	if host.RestartPolicy.IsNone() {
		host.RestartPolicy = container.RestartPolicy{}
	}
	if host.CgroupnsMode.IsHost() || host.CgroupnsMode.IsPrivate() {
		host.CgroupnsMode = ""
	}
	if h := config.Healthcheck; h != nil && (len(h.Test) == 0 || h.Test[0] == "NONE") {
		config.Healthcheck = nil
	}
	clear := func(v any, fields ...string) {
		for _, f := range fields {
			reflect.ValueOf(v).Elem().FieldByName(f).SetZero()
		}
	}
	clear(&config, translatedConfig...)
	clear(&host, translatedHost...)
	left := append(asked("Config", reflect.ValueOf(config)), asked("HostConfig", reflect.ValueOf(host))...)
	if len(left) > 0 {
		return fmt.Errorf("%s: not supported by Berth", strings.Join(left, ", "))
	}
	return nil
}

var translatedConfig = []string{
	"Hostname", "Domainname", "User", "Env", "Cmd", "Entrypoint", "WorkingDir", "StopSignal",
	// Said of the container and asking for nothing here: the image is the engine's matter, the timeout comes with each
	// stop, output is always attached.
	"Image", "StopTimeout", "AttachStdout", "AttachStderr", "ExposedPorts", "Labels",
	"Tty", "OpenStdin", "NetworkDisabled",
}

var translatedHost = []string{
	"Mounts", "Tmpfs", "CapAdd", "CapDrop", "GroupAdd", "IpcMode", "OomScoreAdj", "Privileged", "ReadonlyRootfs",
	"SecurityOpt", "ShmSize", "Sysctls", "Umask", "MaskedPaths", "ReadonlyPaths", "Init",
	"CPUShares", "NanoCPUs", "CPUPeriod", "CPUQuota", "CpusetCpus", "CpusetMems", "Memory", "MemoryReservation", "MemorySwap",
	"MemorySwappiness", "PidsLimit", "Ulimits", "Devices",
	// The task's: whoever made engine.TaskSpec and engine.ContainerSpec.Log has seen to them.
	"NetworkMode", "PortBindings", "LogConfig", "Annotations", "ConsoleSize",
}

// asked returns the names of the fields that hold something, looking into embedded structures.
func asked(prefix string, v reflect.Value) []string {
	var names []string
	for field, value := range v.Fields() {
		switch {
		case field.Anonymous:
			names = append(names, asked(prefix, value)...)
		case value.Kind() == reflect.Slice || value.Kind() == reflect.Map:
			if value.Len() > 0 {
				names = append(names, prefix+"."+field.Name)
			}
		case !value.IsZero():
			names = append(names, prefix+"."+field.Name)
		}
	}
	return names
}
