package ecs

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// registerAttributes gives the operations on attributes to a server.
func (s *Service) registerAttributes(svc *wire.Service) {
	wire.Handle(svc, api.PutAttributes, s.PutAttributes, putAttributesNotes...)
	wire.Handle(svc, api.DeleteAttributes, s.DeleteAttributes, deleteAttributesNotes...)
	wire.Handle(svc, api.ListAttributes, s.ListAttributes)
}

var putAttributesNotes = []wire.Option{
	wire.Note("attributes.name", "names that begin with `berth.` are reserved as well, but `"+CapacityProviderAttribute+
		"`: it names the capacity provider that the instance belongs to"),
}

var deleteAttributesNotes = []wire.Option{
	wire.Note("attributes.value", "the attribute is deleted whatever its value"),
}
