package ecs

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// Services are asked about services: package service.
type Services interface {
	// Counts are how many services a cluster has. Who makes a service reads the cluster's record in his transaction
	// ([Service.ActiveCluster]), so that none comes into a cluster that is being deleted.
	Counts(scope store.Scope, cluster string) ServiceCounts
	// Known tells whether a cluster has a service of that name, which may be DRAINING or INACTIVE.
	Known(scope store.Scope, cluster, name string) bool
	// Uses tells whether a service of the cluster that is not INACTIVE has a capacity provider in its strategy.
	Uses(scope store.Scope, cluster, provider string) bool
	// Refer tells whether a service that is not INACTIVE has tasks, or is to have some, of a revision of a task definition.
	Refer(scope store.Scope, definition Revision) bool
	// Tagged are the tags of what an ARN names by its kind ("service", "task-set") and path ("default/web"); nil when it is
	// not there, or is nothing that has tags.
	Tagged(scope store.Scope, kind, path string) *Tagged
}

// noServices are the services of a cluster that has none.
type noServices struct{}

func (noServices) Counts(store.Scope, string) ServiceCounts   { return ServiceCounts{} }
func (noServices) Known(store.Scope, string, string) bool     { return false }
func (noServices) Uses(store.Scope, string, string) bool      { return false }
func (noServices) Refer(store.Scope, Revision) bool           { return false }
func (noServices) Tagged(store.Scope, string, string) *Tagged { return nil }

// ServiceCounts are how many services are ACTIVE and DRAINING, by launch type: that of its revision, or of the capacity providers of its strategy.
type ServiceCounts struct{ Active, Draining map[api.LaunchType]int }

// total is how many services the launch types have together.
func total(services map[api.LaunchType]int) (n int) {
	for _, m := range services {
		n += m
	}
	return n
}

// Tagged is something that carries tags.
type Tagged struct {
	Tags []api.Tag
	// Change replaces the tags by what to makes of them, as part of the transaction.
	Change func(tx *store.Tx, to func([]api.Tag) ([]api.Tag, error)) error
}
