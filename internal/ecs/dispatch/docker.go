package dispatch

import (
	"maps"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/acs"
	api "github.com/berth-dev/berth/api/ecs"
)

// What a container definition says that the protocol has no member for goes to the agent as JSON of the Docker Engine
// API, inside strings. The agent reads it over what it has made of the rest, so that only what is set may be there.

type dockerConfig struct {
	Hostname        string             `json:",omitzero"`
	User            string             `json:",omitzero"`
	WorkingDir      string             `json:",omitzero"`
	Tty             bool               `json:",omitzero"`
	OpenStdin       bool               `json:",omitzero"`
	Labels          map[string]string  `json:",omitempty"`
	NetworkDisabled bool               `json:",omitzero"`
	Healthcheck     *dockerHealthcheck `json:",omitzero"`
}

// dockerHealthcheck has its times in nanoseconds.
type dockerHealthcheck struct {
	Test                           []string
	Interval, Timeout, StartPeriod int64
	Retries                        int32
}

type dockerHostConfig struct {
	NetworkMode       string
	LogConfig         *dockerLogConfig  `json:",omitzero"`
	MemoryReservation int64             `json:",omitzero"`
	MemorySwap        int64             `json:",omitzero"`
	MemorySwappiness  *int32            `json:",omitzero"`
	Privileged        bool              `json:",omitzero"`
	ReadonlyRootfs    bool              `json:",omitzero"`
	Init              bool              `json:",omitzero"`
	ShmSize           int64             `json:",omitzero"`
	CapAdd            []string          `json:",omitempty"`
	CapDrop           []string          `json:",omitempty"`
	Devices           []dockerDevice    `json:",omitempty"`
	DNS               []string          `json:"Dns,omitempty"`
	DNSSearch         []string          `json:"DnsSearch,omitempty"`
	ExtraHosts        []string          `json:",omitempty"`
	SecurityOpt       []string          `json:",omitempty"`
	Sysctls           map[string]string `json:",omitempty"`
	Tmpfs             map[string]string `json:",omitempty"`
	Ulimits           []dockerUlimit    `json:",omitempty"`
}

type dockerLogConfig struct {
	Type   string
	Config map[string]string `json:",omitempty"`
}

type dockerDevice struct{ PathOnHost, PathInContainer, CgroupPermissions string }

type dockerUlimit struct {
	Name       string
	Soft, Hard int32
}

// oldestDockerAPI is the version that agents of any age speak.
const oldestDockerAPI = "1.21"

// dockerAPI is the highest version of the Docker API that an agent has registered: new members need it.
func dockerAPI(attributes []api.Attribute) string {
	best := oldestDockerAPI
	for _, a := range attributes {
		if v, ok := strings.CutPrefix(a.Name, "com.amazonaws.ecs.capability.docker-remote-api."); ok && minor(v) > minor(best) {
			best = v
		}
	}
	return best
}

// minor is n of a version "1.n"; -1 of anything else.
func minor(version string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(version, "1."))
	if err != nil || !strings.HasPrefix(version, "1.") {
		return -1
	}
	return n
}

func (b *builder) docker(c *api.ContainerDefinition) *acs.DockerConfig {
	return &acs.DockerConfig{Config: text(config(c)), HostConfig: text(b.hostConfig(c)), Version: b.dockerAPI}
}

// text encodes a value that always can be: what it holds came in as JSON.
func text(v any) string {
	data, _ := json.Marshal(v, json.Deterministic(true))
	return string(data)
}

func config(c *api.ContainerDefinition) dockerConfig {
	out := dockerConfig{
		Hostname: c.Hostname, User: c.User, WorkingDir: c.WorkingDirectory,
		Tty: isTrue(c.PseudoTerminal), OpenStdin: isTrue(c.Interactive), Labels: c.DockerLabels,
		NetworkDisabled: isTrue(c.DisableNetworking),
	}
	if h := c.HealthCheck; h != nil {
		out.Healthcheck = &dockerHealthcheck{
			Test: h.Command, Interval: seconds(h.Interval, 30), Timeout: seconds(h.Timeout, 5), StartPeriod: seconds(h.StartPeriod, 0), Retries: 3,
		}
		if h.Retries != nil {
			out.Healthcheck.Retries = *h.Retries
		}
	}
	return out
}

func seconds(n *int32, otherwise int64) int64 {
	if n != nil {
		otherwise = int64(*n)
	}
	return otherwise * 1e9
}

func (b *builder) hostConfig(c *api.ContainerDefinition) dockerHostConfig {
	out := dockerHostConfig{
		NetworkMode:       b.mode,
		LogConfig:         b.logConfig(c),
		MemoryReservation: int64(value(c.MemoryReservation)) << 20,
		Privileged:        isTrue(c.Privileged),
		ReadonlyRootfs:    isTrue(c.ReadonlyRootFilesystem),
		DNS:               c.DnsServers,
		DNSSearch:         c.DnsSearchDomains,
		SecurityOpt:       c.DockerSecurityOptions,
	}
	for _, h := range c.ExtraHosts {
		out.ExtraHosts = append(out.ExtraHosts, h.Hostname+":"+h.IpAddress)
	}
	for _, u := range c.Ulimits {
		out.Ulimits = append(out.Ulimits, dockerUlimit{string(u.Name), u.SoftLimit, u.HardLimit})
	}
	for _, s := range c.SystemControls {
		if out.Sysctls == nil {
			out.Sysctls = map[string]string{}
		}
		out.Sysctls[s.Namespace] = s.Value
	}
	out.linux(c.LinuxParameters, value(c.Memory))
	return out
}

// linux adds the Linux parameters of a container with that much memory, in MiB.
func (out *dockerHostConfig) linux(p *api.LinuxParameters, memory int32) {
	if p == nil {
		return
	}
	if p.Capabilities != nil {
		out.CapAdd, out.CapDrop = p.Capabilities.Add, p.Capabilities.Drop
	}
	out.Init = isTrue(p.InitProcessEnabled)
	out.ShmSize = int64(value(p.SharedMemorySize)) << 20
	if p.MaxSwap != nil { // without it, ECS takes no note of the other
		out.MemorySwap = int64(memory+*p.MaxSwap) << 20
		out.MemorySwappiness = p.Swappiness
	}
	for _, d := range p.Devices {
		out.Devices = append(out.Devices, device(d))
	}
	for _, t := range p.Tmpfs {
		if out.Tmpfs == nil {
			out.Tmpfs = map[string]string{}
		}
		out.Tmpfs[t.ContainerPath] = strings.Join(append([]string{"size=" + strconv.Itoa(int(t.Size)) + "m"}, t.MountOptions...), ",")
	}
}

func device(d api.Device) dockerDevice {
	out := dockerDevice{PathOnHost: d.HostPath, PathInContainer: d.ContainerPath}
	if out.PathInContainer == "" {
		out.PathInContainer = d.HostPath
	}
	for _, p := range d.Permissions {
		switch p {
		case api.DeviceCgroupPermissionRead:
			out.CgroupPermissions += "r"
		case api.DeviceCgroupPermissionWrite:
			out.CgroupPermissions += "w"
		case api.DeviceCgroupPermissionMknod:
			out.CgroupPermissions += "m"
		}
	}
	if out.CgroupPermissions == "" {
		out.CgroupPermissions = "rwm"
	}
	return out
}

// logConfig is a container's log driver. Amazon's agent gives the options of awslogs to Docker as they are, which knows
// no prefix but the stream itself; Berth's agent ships logs and names the stream. A bound on the buffer without a mode is
// one for non-blocking, AWS's default mode; Docker wants it said. Without either the mode is the account's, as it was when the task was run.
func (b *builder) logConfig(c *api.ContainerDefinition) *dockerLogConfig {
	l := c.LogConfiguration
	if l == nil {
		return nil
	}
	out := &dockerLogConfig{Type: string(l.LogDriver), Config: l.Options}
	mode := b.row.Value.LogMode
	if l.Options["max-buffer-size"] != "" {
		mode = "non-blocking"
	}
	if mode != "" && l.Options["mode"] == "" {
		out.Config = maps.Clone(l.Options)
		out.Config["mode"] = mode
	}
	if prefix, ok := l.Options[streamPrefix]; ok && b.protocol == 0 && l.LogDriver == api.LogDriverAwslogs {
		out.Config = maps.Clone(out.Config)
		delete(out.Config, streamPrefix)
		out.Config["awslogs-stream"] = prefix + "/" + c.Name + "/" + b.row.ID
	}
	return out
}

const streamPrefix = "awslogs-stream-prefix"
