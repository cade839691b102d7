package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// Register gives the service's operations to a server, with what it does not act on yet and what it does otherwise than AWS.
func (s *Service) Register(svc *wire.Service) {
	wire.Handle(svc, api.CreateCluster, s.CreateCluster, createClusterRefused...)
	wire.Handle(svc, api.DescribeClusters, s.DescribeClusters)
	wire.Handle(svc, api.ListClusters, s.ListClusters)
	wire.Handle(svc, api.DeleteCluster, s.DeleteCluster)

	wire.Handle(svc, api.RegisterTaskDefinition, s.RegisterTaskDefinition, slices.Concat(registerTaskDefinitionRefused, registerTaskDefinitionNotes)...)
	wire.Handle(svc, api.DescribeTaskDefinition, s.DescribeTaskDefinition)
	wire.Handle(svc, api.ListTaskDefinitions, s.ListTaskDefinitions)
	wire.Handle(svc, api.ListTaskDefinitionFamilies, s.ListTaskDefinitionFamilies)
	wire.Handle(svc, api.DeregisterTaskDefinition, s.DeregisterTaskDefinition)

	wire.Handle(svc, api.RunTask, s.RunTask, slices.Concat(runTaskRefused, runTaskNotes)...)
	wire.Handle(svc, api.StopTask, s.StopTask)
	wire.Handle(svc, api.DescribeTasks, s.DescribeTasks, describeTasksNotes...)
	wire.Handle(svc, api.ListTasks, s.ListTasks, slices.Concat(listTasksRefused, listTasksNotes)...)

	wire.Handle(svc, api.RegisterContainerInstance, s.RegisterContainerInstance, slices.Concat(registerContainerInstanceRefused, registerContainerInstanceNotes)...)
	wire.Handle(svc, api.DescribeContainerInstances, s.DescribeContainerInstances, describeContainerInstancesRefused...)
	wire.Handle(svc, api.ListContainerInstances, s.ListContainerInstances, listContainerInstancesRefused...)
	wire.Handle(svc, api.UpdateContainerInstancesState, s.UpdateContainerInstancesState)
	wire.Handle(svc, api.DeregisterContainerInstance, s.DeregisterContainerInstance)
	wire.Handle(svc, api.SubmitTaskStateChange, s.SubmitTaskStateChange, submitTaskStateChangeNotes...)
	wire.Handle(svc, api.SubmitContainerStateChange, s.SubmitContainerStateChange, submitContainerStateChangeNotes...)
	wire.Handle(svc, api.SubmitAttachmentStateChanges, s.SubmitAttachmentStateChanges, submitAttachmentStateChangesNotes...)

	wire.Handle(svc, api.TagResource, s.TagResource, tagResourceNotes...)
	wire.Handle(svc, api.UntagResource, s.UntagResource)
	wire.Handle(svc, api.ListTagsForResource, s.ListTagsForResource)
}
