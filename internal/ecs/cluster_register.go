package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// registerClusters gives the operations on clusters to a server.
func (s *Service) registerClusters(svc *wire.Service) {
	wire.Handle(svc, api.CreateCluster, s.CreateCluster, slices.Concat(clusterRefused, createClusterNotes, configurationNotes)...)
	wire.Handle(svc, api.DescribeClusters, s.DescribeClusters)
	wire.Handle(svc, api.ListClusters, s.ListClusters)
	wire.Handle(svc, api.UpdateCluster, s.UpdateCluster, slices.Concat(clusterRefused, configurationNotes)...)
	wire.Handle(svc, api.UpdateClusterSettings, s.UpdateClusterSettings, settingsRefused)
	wire.Handle(svc, api.PutClusterCapacityProviders, s.PutClusterCapacityProviders, putCapacityProvidersNotes...)
	wire.Handle(svc, api.DeleteCluster, s.DeleteCluster)
}

var settingsRefused = wire.Refuse("settings.value", "Container Insights is not there, for metrics are not kept; leave the setting containerInsights out, or set it to disabled "+
	`(in Terraform: setting { name = "containerInsights", value = "disabled" }; in the CDK: containerInsightsV2: ContainerInsights.DISABLED)`, "disabled")

var clusterRefused = []wire.Option{
	wire.Refuse("configuration.managedStorageConfiguration", "nothing is encrypted with keys of KMS, which is not there"),
	wire.Refuse("serviceConnectDefaults.namespace", "Service Connect and Cloud Map are not there"),
	settingsRefused,
}

var createClusterNotes = []wire.Option{
	wire.Note("capacityProviders", "attached at once: the cluster is never PROVISIONING"),
}

var configurationNotes = []wire.Option{
	wire.Note("configuration.executeCommandConfiguration.kmsKeyId", "kept; while it is set ExecuteCommand is refused, for KMS, which would encrypt sessions, is not there"),
	wire.Note("configuration.executeCommandConfiguration.logConfiguration.s3BucketName", "kept; while it is set ExecuteCommand is refused, for S3, which would keep sessions, is not there"),
	wire.Note("configuration.executeCommandConfiguration.logConfiguration.cloudWatchEncryptionEnabled", "kept; while it is set ExecuteCommand is refused, for log groups are not encrypted with keys of KMS"),
	wire.Note("configuration.executeCommandConfiguration.logConfiguration.cloudWatchLogGroupName", "the group must be there when a command is executed, or what it prints is not kept, which Berth's own log says"),
}

var putCapacityProvidersNotes = []wire.Option{
	wire.Note("", "it is done at once: attachmentsStatus is UPDATE_COMPLETE, and there are no attachments, for there are no Auto Scaling groups"),
}
