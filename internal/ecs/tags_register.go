package ecs

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// registerTags gives the operations on tags to a server.
func (s *Service) registerTags(svc *wire.Service) {
	wire.Handle(svc, api.TagResource, s.TagResource, tagResourceNotes...)
	wire.Handle(svc, api.UntagResource, s.UntagResource)
	wire.Handle(svc, api.ListTagsForResource, s.ListTagsForResource)
}

var tagResourceNotes = []wire.Option{
	wire.Note("resourceArn", "of a cluster, capacity provider, task definition, task, container instance, service or task set"),
}
