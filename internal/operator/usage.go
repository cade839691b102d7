package operator

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// PathUsage answers what running tasks use.
const PathUsage = "/_berth/usage"

// TaskUsage is what a task that runs used in the last period that its agent told of, about twenty seconds.
type TaskUsage struct {
	Task       string           `json:"task"` // id
	Definition string           `json:"taskDefinition"`
	At         time.Time        `json:"at,omitzero"` // when it was told; zero: nothing is known yet
	Containers []ContainerUsage `json:"containers"`
}

// ContainerUsage is what one container used.
type ContainerUsage struct {
	Name        string  `json:"name"`
	CPU         float64 `json:"cpuPercent"`              // of one processor
	CPUShare    float64 `json:"cpuUtilization,omitzero"` // percent of what is reserved for it, or else for its task
	Memory      float64 `json:"memoryMiB"`
	MemoryLimit int64   `json:"memoryLimitMiB,omitzero"` // its own, or else its task's
	// Network is nil for a container without a network of its own.
	Network  *NetworkUsage `json:"network,omitzero"`
	Read     uint64        `json:"readBytes"` // from block devices, since it started
	Written  uint64        `json:"writtenBytes"`
	Restarts int32         `json:"restarts,omitzero"` // in the period
}

// NetworkUsage is what passed over a container's interfaces: since it started, and in a second.
type NetworkUsage struct {
	Received     uint64  `json:"receivedBytes"`
	Sent         uint64  `json:"sentBytes"`
	ReceivedRate float64 `json:"receivedBytesPerSecond"`
	SentRate     float64 `json:"sentBytesPerSecond"`
}

// Meter answers what tasks use. The control plane implements it.
type Meter interface {
	// Usage answers for the running tasks of a cluster, or for the one that a name means: ErrNotFound when there is none.
	Usage(ctx context.Context, cluster, name string) ([]TaskUsage, error)
}

// UsageHandler answers GET /_berth/usage. The caller has checked the signature and that the caller owns this Berth.
func UsageHandler(m Meter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			answer(w, http.StatusMethodNotAllowed, Failure{"GET answers here"})
			return
		}
		query := r.URL.Query()
		all, err := m.Usage(r.Context(), query.Get("cluster"), query.Get("name"))
		reply(w, all, err)
	})
}

// Usage asks what a cluster's running tasks use, or one of them by its name.
func (c *Client) Usage(ctx context.Context, cluster, name string) ([]TaskUsage, error) {
	var all []TaskUsage
	return all, c.ask(ctx, http.MethodGet, PathUsage+"?"+url.Values{"cluster": {cluster}, "name": {name}}.Encode(), &all)
}
