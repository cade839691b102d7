package ecs

import "github.com/berth-dev/berth/internal/wire"

// Register gives the service's operations to a server. Beside each group of operations stands what Berth does not act on
// yet: a request that sets such a member is refused by its name, before any handler sees it; a member's accepted values
// are those that ask for nothing. Notes say how Berth differs from AWS in what it does act on. docs/compatibility.md is
// made from both.
func (s *Service) Register(svc *wire.Service) {
	svc.InOwnWords(ownWords)
	s.registerClusters(svc)
	s.registerCapacityProviders(svc)
	s.registerTaskDefinitions(svc)
	s.registerTasks(svc)
	s.registerInstances(svc)
	s.registerAttributes(svc)
	s.registerAccountSettings(svc)
	s.registerTags(svc)
}
