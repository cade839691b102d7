package ecs

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// Cluster is a cluster's record, by name. Its counts are not in it: they are read from the tasks' and instances' indexes.
type Cluster struct {
	Name      string               `json:"name"`
	Status    string               `json:"status"` // ACTIVE, or INACTIVE once deleted
	Settings  []api.ClusterSetting `json:"settings,omitzero"`
	Tags      []api.Tag            `json:"tags,omitzero"`
	CreatedAt time.Time            `json:"createdAt"`
	DeletedAt time.Time            `json:"deletedAt,omitzero"`

	Configuration *api.ClusterConfiguration `json:"configuration,omitzero"`
	// CapacityProviders are the names of those that the cluster is associated with. [Service.strategyFor] says by which of
	// them tasks are run.
	CapacityProviders []string                           `json:"capacityProviders,omitzero"`
	DefaultStrategy   []api.CapacityProviderStrategyItem `json:"defaultStrategy,omitzero"`
	AttachmentsStatus string                             `json:"attachmentsStatus,omitzero"` // UPDATE_COMPLETE once providers were associated
}

// The statuses of a cluster.
const (
	clusterActive   = "ACTIVE"
	clusterInactive = "INACTIVE"
)
