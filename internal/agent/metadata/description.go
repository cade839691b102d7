package metadata

import (
	"net/http"
	"strings"
	"time"
)

// Description is a task as its containers see it at $ECS_CONTAINER_METADATA_URI_V4/task.
type Description struct {
	Cluster          string
	TaskARN          string
	Family           string
	Revision         string
	DesiredStatus    string
	KnownStatus      string
	Limits           *Limits `json:",omitzero"`
	AvailabilityZone string  `json:",omitzero"`
	LaunchType       string  `json:",omitzero"`
	Containers       []Container
}

// Limits are what a task or a container may use: vCPUs of a task, CPU units of a container, and MiB of memory.
type Limits struct {
	CPU    *float64 `json:",omitzero"`
	Memory *int32   `json:",omitzero"`
}

// Container is a container as it sees itself at $ECS_CONTAINER_METADATA_URI_V4.
type Container struct {
	ID            string `json:"-"` // its name in the path
	DockerID      string `json:"DockerId"`
	Name          string
	DockerName    string
	Image         string
	ImageID       string
	Labels        map[string]string
	DesiredStatus string
	KnownStatus   string
	ExitCode      *int      `json:",omitzero"`
	Limits        *Limits   `json:",omitzero"`
	CreatedAt     time.Time `json:",omitzero"`
	StartedAt     time.Time `json:",omitzero"`
	FinishedAt    time.Time `json:",omitzero"`
	Type          string
	LogDriver     string            `json:",omitzero"`
	LogOptions    map[string]string `json:",omitzero"`
	ContainerARN  string            `json:",omitzero"`
	Networks      []Network
}

// Network is where a container is reached.
type Network struct {
	NetworkMode              string
	IPv4Addresses            []string `json:",omitzero"`
	MACAddress               string   `json:",omitzero"`
	DomainNameServers        []string `json:",omitzero"`
	PrivateDNSName           string   `json:",omitzero"`
	SubnetGatewayIPv4Address string   `json:"SubnetGatewayIpv4Address,omitzero"`
}

// answerDescription answers /v4/<container> and /v4/<container>/task.
func (s *Server) answerDescription(t Task, w http.ResponseWriter, path string) {
	id, what, _ := strings.Cut(path, "/")
	d := t.Describe()
	for _, c := range d.Containers {
		if c.ID != id {
			continue
		}
		switch what {
		case "":
			answer(w, http.StatusOK, c)
		case "task":
			answer(w, http.StatusOK, d)
		default:
			answer(w, http.StatusNotFound, "Berth's agent does not answer /v4/<id>/"+what)
		}
		return
	}
	answer(w, http.StatusNotFound,
		"V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: "+id)
}
