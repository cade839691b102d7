package ecs

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strconv"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxClusters is the most active clusters of an account and region.
const maxClusters = 10_000

// CreateCluster makes a cluster. An active one of that name is returned as it is, unless other capacity providers or another
// configuration are asked for; a deleted one is made anew.
func (s *Service) CreateCluster(ctx context.Context, r *api.CreateClusterRequest) (*api.CreateClusterResponse, error) {
	scope := scopeOf(ctx)
	name, err := clusterFrom(scope, r.ClusterName)
	if err != nil {
		return nil, err
	}
	if err := validateTags(r.Tags); err != nil {
		return nil, err
	}
	if err := validateSettings(r.Settings); err != nil {
		return nil, err
	}
	if err := validateConfiguration(r.Configuration); err != nil {
		return nil, err
	}
	var cluster *Cluster
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		var ok bool
		asked := len(r.CapacityProviders) > 0 || len(r.DefaultCapacityProviderStrategy) > 0
		if cluster, ok = s.Clusters.GetTx(tx, scope, name); ok && cluster.Status == clusterActive {
			if asked && !cluster.sameCapacity(r.CapacityProviders, r.DefaultCapacityProviderStrategy) ||
				configured(r.Configuration) && !reflect.DeepEqual(r.Configuration, cluster.Configuration) {
				return invalidParameter("Arguments on this idempotent request are inconsistent with arguments used in previous request(s).")
			}
			return nil
		}
		if s.Clusters.Count(scope, clustersByStatus, clusterActive) >= maxClusters {
			return clientException("The maximum number of clusters has been exceeded.")
		}
		cluster = &Cluster{Name: name, Status: clusterActive, Settings: r.Settings, Configuration: r.Configuration, Tags: r.Tags, CreatedAt: time.Now().UTC()}
		if asked {
			if err := s.associate(tx, scope, cluster, r.CapacityProviders, r.DefaultCapacityProviderStrategy); err != nil {
				return err
			}
		}
		return s.Clusters.Put(tx, scope, name, cluster)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateClusterResponse{Cluster: new(s.describeCluster(scope, cluster, describedWhenChanged...))}, nil
}

// DescribeClusters describes the clusters named, or the cluster default.
func (s *Service) DescribeClusters(ctx context.Context, r *api.DescribeClustersRequest) (*api.DescribeClustersResponse, error) {
	scope := scopeOf(ctx)
	names := r.Clusters
	if len(names) == 0 {
		names = []string{"default"}
	}
	if len(names) > maxPage {
		return nil, invalidParameter("Clusters cannot have more than %d items.", maxPage)
	}
	out := &api.DescribeClustersResponse{Clusters: []api.Cluster{}, Failures: []api.Failure{}}
	for _, ref := range names {
		if ref == "" {
			return nil, invalidParameter("Clusters can not be blank.")
		}
		name, err := clusterFrom(scope, ref)
		if err != nil {
			return nil, err
		}
		if row, ok := s.Clusters.Get(scope, name); ok {
			out.Clusters = append(out.Clusters, s.describeCluster(scope, row.Value, r.Include...))
		} else {
			out.Failures = append(out.Failures, missing(ClusterARN(scope, name)))
		}
	}
	return out, nil
}

// ListClusters lists the ARNs of the active clusters.
func (s *Service) ListClusters(ctx context.Context, r *api.ListClustersRequest) (*api.ListClustersResponse, error) {
	scope := scopeOf(ctx)
	p, err := pagingOf(r.NextToken, r.MaxResults, "clusters")
	if err != nil {
		return nil, err
	}
	rows, token := list(p, func(page store.Page) ([]store.Row[Cluster], string) {
		return s.Clusters.FindPage(scope, clustersByStatus, clusterActive, page)
	}, every)
	return &api.ListClustersResponse{NextToken: token, ClusterArns: each(rows, func(row store.Row[Cluster]) string {
		return ClusterARN(scope, row.ID)
	})}, nil
}

// DeleteCluster makes a cluster inactive, if nothing is in it.
func (s *Service) DeleteCluster(ctx context.Context, r *api.DeleteClusterRequest) (*api.DeleteClusterResponse, error) {
	scope := scopeOf(ctx)
	name, err := clusterFrom(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	if _, err := s.activeCluster(scope, name); err != nil {
		return nil, err
	}
	if err := s.occupied(scope, name); err != nil {
		return nil, err
	}
	deleted, err := s.setClusterStatus(ctx, scope, name, clusterActive, clusterInactive)
	if err != nil {
		return nil, err
	}
	// Whoever puts something into a cluster compares its record, so that from here on nobody does. What came just before shows by now.
	if err := s.occupied(scope, name); err != nil {
		_, undone := s.setClusterStatus(ctx, scope, name, clusterInactive, clusterActive)
		return nil, cmp.Or(undone, err)
	}
	return &api.DeleteClusterResponse{Cluster: new(s.describeCluster(scope, deleted))}, nil
}

// occupied is why a cluster cannot be deleted, nil when it can.
func (s *Service) occupied(scope store.Scope, name string) error {
	switch {
	case s.registeredInstances(scope, name) > 0:
		return wire.Errorf(api.ClusterContainsContainerInstancesException,
			"The Cluster cannot be deleted while Container Instances are active or draining.")
	case s.services(scope, name) > 0:
		return wire.Errorf(api.ClusterContainsServicesException, "The Cluster cannot be deleted while Services are active.")
	case s.Tasks.Count(scope, taskCounts, clusterCount(name, countActive)) > 0:
		return wire.Errorf(api.ClusterContainsTasksException, "The Cluster cannot be deleted while Tasks are active.")
	}
	return nil
}

// services is how many services a cluster has that are not INACTIVE.
func (s *Service) services(scope store.Scope, cluster string) int {
	counts := s.config.Services.Counts(scope, cluster)
	return total(counts.Active) + total(counts.Draining)
}

// setClusterStatus moves a cluster from one status to another.
func (s *Service) setClusterStatus(ctx context.Context, scope store.Scope, name, from, to string) (changed *Cluster, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		cluster, ok := s.Clusters.GetTx(tx, scope, name)
		if !ok || cluster.Status != from {
			return clusterNotFound()
		}
		c := *cluster
		changed, c.Status, c.DeletedAt = &c, to, time.Time{}
		if to == clusterInactive {
			c.DeletedAt = time.Now().UTC()
		}
		return s.Clusters.Put(tx, scope, name, changed)
	})
	return changed, err
}

// ActiveCluster is the record of a cluster that must be there, as part of the transaction: whoever puts something into a cluster
// compares it.
func (s *Service) ActiveCluster(tx *store.Tx, scope store.Scope, name string) (*Cluster, error) {
	cluster, ok := s.Clusters.GetTx(tx, scope, name)
	if !ok || cluster.Status != clusterActive {
		return nil, clusterNotFound()
	}
	return cluster, nil
}

// activeCluster is the name of a cluster that must be there.
func (s *Service) activeCluster(scope store.Scope, ref string) (string, error) {
	name, err := clusterFrom(scope, ref)
	if err != nil {
		return "", err
	}
	if row, ok := s.Clusters.Get(scope, name); !ok || row.Value.Status != clusterActive {
		return "", clusterNotFound()
	}
	return name, nil
}

func (s *Service) registeredInstances(scope store.Scope, cluster string) int {
	return s.Instances.Count(scope, InstancesByCluster, cluster+"/"+instanceActive) +
		s.Instances.Count(scope, InstancesByCluster, cluster+"/"+instanceDraining)
}

// describeCluster is a cluster as the API shows it. Settings, statistics and tags are empty, configuration and attachments
// absent, unless they are asked for.
func (s *Service) describeCluster(scope store.Scope, c *Cluster, include ...api.ClusterField) api.Cluster {
	out := api.Cluster{
		ClusterArn:                        ClusterARN(scope, c.Name),
		ClusterName:                       c.Name,
		Status:                            c.Status,
		RegisteredContainerInstancesCount: int32(s.registeredInstances(scope, c.Name)),
		RunningTasksCount:                 int32(s.Tasks.Count(scope, taskCounts, clusterCount(c.Name, countRunning))),
		PendingTasksCount:                 int32(s.Tasks.Count(scope, taskCounts, clusterCount(c.Name, countPending))),
		ActiveServicesCount:               int32(total(s.config.Services.Counts(scope, c.Name).Active)),
		Statistics:                        []api.KeyValuePair{},
		Tags:                              []api.Tag{},
		Settings:                          []api.ClusterSetting{},
		CapacityProviders:                 present(c.CapacityProviders),
		DefaultCapacityProviderStrategy:   present(c.DefaultStrategy),
	}
	if slices.Contains(include, api.ClusterFieldConfigurations) {
		out.Configuration = c.Configuration
	}
	if slices.Contains(include, api.ClusterFieldSettings) {
		out.Settings = c.Settings
		if len(out.Settings) == 0 {
			out.Settings = []api.ClusterSetting{{Name: api.ClusterSettingNameContainerInsights, Value: "disabled"}}
		}
	}
	if slices.Contains(include, api.ClusterFieldStatistics) {
		out.Statistics = s.clusterStatistics(scope, c.Name)
	}
	if slices.Contains(include, api.ClusterFieldTags) {
		out.Tags = present(c.Tags)
	}
	if slices.Contains(include, api.ClusterFieldAttachments) {
		out.Attachments, out.AttachmentsStatus = []api.Attachment{}, c.AttachmentsStatus
	}
	return out
}

// clusterStatistics are the tasks and services of a cluster, by launch type.
func (s *Service) clusterStatistics(scope store.Scope, name string) (out []api.KeyValuePair) {
	types := []struct {
		word string
		of   api.LaunchType
	}{{"EC2", api.LaunchTypeEc2}, {"Fargate", api.LaunchTypeFargate}, {"External", api.LaunchTypeExternal}}
	for _, what := range []string{countRunning, countPending} {
		for _, t := range types {
			n := s.Tasks.Count(scope, taskCounts, clusterCount(name, what+"/"+string(t.of)))
			out = append(out, api.KeyValuePair{Name: what + t.word + "TasksCount", Value: strconv.Itoa(n)})
		}
	}
	services := s.config.Services.Counts(scope, name)
	for _, what := range []struct {
		word string
		n    map[api.LaunchType]int
	}{{"active", services.Active}, {"draining", services.Draining}} {
		for _, t := range types {
			out = append(out, api.KeyValuePair{Name: what.word + t.word + "ServiceCount", Value: strconv.Itoa(what.n[t.of])})
		}
	}
	return out
}

// missing is how the Describe operations answer for what is not there.
func missing(arn string) api.Failure { return api.Failure{Arn: arn, Reason: "MISSING"} }
