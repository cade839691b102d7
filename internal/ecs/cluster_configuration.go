package ecs

import (
	"context"
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// UpdateCluster changes a cluster's settings and configuration: each that the request has.
func (s *Service) UpdateCluster(ctx context.Context, r *api.UpdateClusterRequest) (*api.UpdateClusterResponse, error) {
	if err := validateSettings(r.Settings); err != nil {
		return nil, err
	}
	if err := validateConfiguration(r.Configuration); err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	changed, err := s.changeCluster(ctx, scope, r.Cluster, func(_ *store.Tx, c *Cluster) error {
		if r.Configuration != nil {
			c.Configuration = r.Configuration
		}
		if len(r.Settings) > 0 {
			c.Settings = r.Settings
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateClusterResponse{Cluster: new(s.describeCluster(scope, changed, describedWhenChanged...))}, nil
}

// UpdateClusterSettings changes a cluster's settings.
func (s *Service) UpdateClusterSettings(ctx context.Context, r *api.UpdateClusterSettingsRequest) (*api.UpdateClusterSettingsResponse, error) {
	scope := scopeOf(ctx)
	if len(r.Settings) == 0 {
		return nil, invalidParameter("settings can not be empty.")
	}
	if err := validateSettings(r.Settings); err != nil {
		return nil, err
	}
	changed, err := s.changeCluster(ctx, scope, r.Cluster, func(_ *store.Tx, c *Cluster) error {
		c.Settings = r.Settings
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateClusterSettingsResponse{Cluster: new(s.describeCluster(scope, changed, describedWhenChanged...))}, nil
}

// describedWhenChanged is what the answer to a change has of a cluster.
var describedWhenChanged = []api.ClusterField{api.ClusterFieldConfigurations, api.ClusterFieldSettings, api.ClusterFieldTags}

// changeCluster changes an active cluster.
func (s *Service) changeCluster(ctx context.Context, scope store.Scope, ref string, change func(*store.Tx, *Cluster) error) (changed *Cluster, err error) {
	name, err := clusterFrom(scope, ref)
	if err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		old, ok := s.Clusters.GetTx(tx, scope, name)
		if !ok || old.Status != clusterActive {
			return clusterNotFound()
		}
		c := *old
		changed = &c
		if err := change(tx, changed); err != nil {
			return err
		}
		return s.Clusters.Put(tx, scope, name, changed)
	})
	return changed, err
}

// validateSettings checks that each of a cluster's settings has a name and a value, and comes once.
func validateSettings(settings []api.ClusterSetting) error {
	for n, setting := range settings {
		twice := slices.ContainsFunc(settings[:n], func(s api.ClusterSetting) bool { return s.Name == setting.Name })
		switch {
		case setting.Name == "":
			return invalidParameter("Invalid setting 'name'")
		case setting.Value == "":
			return invalidParameter("Invalid setting 'value'")
		case twice:
			return invalidParameter("The setting %s comes more than once.", setting.Name)
		}
	}
	return nil
}

// maxResourceName is the longest name or ARN of another service's resource that a configuration may have: ARNs have up to 2048 characters.
const maxResourceName = 2048

// configured tells whether a configuration asks for anything.
func configured(c *api.ClusterConfiguration) bool {
	return c != nil && c.ExecuteCommandConfiguration != nil && *c.ExecuteCommandConfiguration != (api.ExecuteCommandConfiguration{})
}

// validateConfiguration checks how commands are to be executed in a cluster's containers.
func validateConfiguration(c *api.ClusterConfiguration) error {
	if c == nil || c.ExecuteCommandConfiguration == nil {
		return nil
	}
	e := c.ExecuteCommandConfiguration
	logs := e.LogConfiguration
	if len(e.KmsKeyId) > maxResourceName {
		return invalidParameter("executeCommandConfiguration: kmsKeyId can have at most %d characters.", maxResourceName)
	}
	if logs == nil {
		if e.Logging == api.ExecuteCommandLoggingOverride {
			return invalidParameter("You must supply a log configuration when you set logging to 'OVERRIDE'")
		}
		return nil
	}
	switch {
	case max(len(logs.CloudWatchLogGroupName), len(logs.S3BucketName), len(logs.S3KeyPrefix)) > maxResourceName:
		return invalidParameter("executeCommandConfiguration: the names of a log configuration can have at most %d characters each.", maxResourceName)
	case e.Logging != api.ExecuteCommandLoggingOverride:
		return invalidParameter("You must set logging to 'OVERRIDE' when you supply a log configuration")
	case logs.CloudWatchLogGroupName == "" && logs.S3BucketName == "":
		return invalidParameter("You must specify a CloudWatch log group or an S3 bucket when you supply a log configuration")
	case logs.CloudWatchEncryptionEnabled && logs.CloudWatchLogGroupName == "":
		return invalidParameter("You must specify a CloudWatch log group to enable CloudWatch encryption")
	case logs.S3BucketName == "" && (logs.S3EncryptionEnabled || logs.S3KeyPrefix != ""):
		return invalidParameter("You must specify an S3 bucket to set its encryption or key prefix")
	}
	return nil
}
