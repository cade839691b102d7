package service

import (
	"github.com/berth-dev/berth/internal/store"
)

// Tables are the tables of services and of what belongs to them.
type Tables struct {
	Services    *store.Table[Service]    // by [Key]
	Revisions   *store.Table[Revision]   // by [PartKey]
	Deployments *store.Table[Deployment] // by [PartKey]
	TaskSets    *store.Table[TaskSet]    // by [PartKey], without the "ecs-svc/" of the id
	Events      *store.Table[Event]      // by [EventKey]
}

// Indexes of the tables.
const (
	// Of Services, those that are not INACTIVE.
	ServicesByCluster = "cluster" // cluster
	ServicesByStatus  = "status"  // cluster/status
	// Of Services, those that are INACTIVE.
	servicesDeleted = "deleted" // a key that all have in common

	// Of Revisions.
	revisionsByDefinition = "definition" // family:revision

	// Of Revisions, Deployments, TaskSets and Events: all of a service's.
	ByService = "service" // the service's key
)

// The statuses of a service.
const (
	Active   = "ACTIVE"
	Draining = "DRAINING"
	Inactive = "INACTIVE"
)

func newTables(db *store.DB) Tables {
	return Tables{
		Services: store.NewTable(db, "ecs", "service",
			store.Index[Service]{Name: ServicesByCluster, Keys: func(_ string, s *Service) []string {
				if s.Status == Inactive {
					return nil
				}
				return []string{s.Cluster}
			}},
			store.Index[Service]{Name: ServicesByStatus, Counted: true, Keys: func(_ string, s *Service) []string {
				if s.Status == Inactive {
					return nil
				}
				return []string{s.Cluster + "/" + s.Status}
			}},
			store.Index[Service]{Name: servicesDeleted, Keys: func(_ string, s *Service) []string {
				if s.Status != Inactive {
					return nil
				}
				return []string{"all"}
			}}),
		Revisions: store.NewTable(db, "ecs", "service-revision", ofService(func(r *Revision) string { return Key(r.Cluster, r.Service) }),
			store.Index[Revision]{Name: revisionsByDefinition, Keys: func(_ string, r *Revision) []string { return []string{r.TaskDefinition} }}),
		Deployments: store.NewTable(db, "ecs", "service-deployment", ofService(func(d *Deployment) string { return Key(d.Cluster, d.Service) })),
		TaskSets:    store.NewTable(db, "ecs", "task-set", ofService(func(t *TaskSet) string { return Key(t.Cluster, t.Service) })),
		Events:      store.NewTable(db, "ecs", "service-event", ofService(func(e *Event) string { return Key(e.Cluster, e.Service) })),
	}
}

// ofService is the index of what belongs to services, by the key of the service.
func ofService[T any](key func(*T) string) store.Index[T] {
	return store.Index[T]{Name: ByService, Keys: func(_ string, v *T) []string { return []string{key(v)} }}
}
