package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// registerInstances gives the operations on container instances, and those of agents, to a server.
func (s *Service) registerInstances(svc *wire.Service) {
	wire.Handle(svc, api.RegisterContainerInstance, s.RegisterContainerInstance, slices.Concat(registerContainerInstanceRefused, registerContainerInstanceNotes)...)
	wire.Handle(svc, api.DescribeContainerInstances, s.DescribeContainerInstances)
	wire.Handle(svc, api.ListContainerInstances, s.ListContainerInstances)
	wire.Handle(svc, api.UpdateContainerAgent, s.UpdateContainerAgent, updateContainerAgentNotes...)
	wire.Handle(svc, api.UpdateContainerInstancesState, s.UpdateContainerInstancesState)
	wire.Handle(svc, api.DeregisterContainerInstance, s.DeregisterContainerInstance)
	wire.Handle(svc, api.SubmitTaskStateChange, s.SubmitTaskStateChange, submitTaskStateChangeNotes...)
	wire.Handle(svc, api.SubmitContainerStateChange, s.SubmitContainerStateChange, submitContainerStateChangeNotes...)
	wire.Handle(svc, api.SubmitAttachmentStateChanges, s.SubmitAttachmentStateChanges, submitAttachmentStateChangesNotes...)
}

var registerContainerInstanceRefused = []wire.Option{
	wire.Refuse("platformDevices.type", "devices are GPUs", "GPU"),
	wire.Refuse("totalResources.longValue", "amounts are read of integerValue"),
	wire.Refuse("totalResources.doubleValue", "amounts are read of integerValue"),
}

var registerContainerInstanceNotes = []wire.Option{
	wire.Note("instanceIdentityDocument", "the instance's id and availability zone are read; a machine without one gets an id that begins with mi-"),
	wire.Note("instanceIdentityDocumentSignature", "not verified: the signature of the request says who registers"),
}

var updateContainerAgentNotes = []wire.Option{
	wire.Note("", "there never is an update: Berth's agent is updated with the program, Amazon's by whoever installed it"),
}

var submitTaskStateChangeNotes = []wire.Option{
	wire.Note("cluster", "the task's ARN says all"),
}

// A Fargate machine's agent names a cluster that is not the task's.
var submitContainerStateChangeNotes = []wire.Option{
	wire.Note("cluster", "the task's ARN says all"),
}

var submitAttachmentStateChangesNotes = []wire.Option{
	wire.Note("attachments", "acknowledged; those of tasks come with SubmitTaskStateChange"),
}
