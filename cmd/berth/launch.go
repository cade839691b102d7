package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// errMade says that the cluster has been made that was missing.
var errMade = errors.New("the cluster was made")

// makeCluster makes the target's cluster if an error says that it is missing, as it is before its first use; errMade then.
func (t *target) makeCluster(ctx context.Context, err error) error {
	if !hasCode(err, "ClusterNotFoundException") || strings.HasPrefix(t.cluster, "arn:") {
		return err
	}
	if _, err := client.Call(ctx, t.client, ecs.CreateCluster, &ecs.CreateClusterRequest{ClusterName: t.cluster}); err != nil {
		return err
	}
	return errMade
}

// launch is how a definition's tasks are run where nothing else is said: on Fargate when it allows that, in the default VPC.
func (t *target) launch(ctx context.Context, definition *ecs.TaskDefinition, as ecs.LaunchType) (ecs.LaunchType, *ecs.NetworkConfiguration, error) {
	if as == "" {
		as = ecs.LaunchTypeEc2
		if slices.Contains(definition.RequiresCompatibilities, ecs.CompatibilityFargate) {
			as = ecs.LaunchTypeFargate
		}
	}
	if definition.NetworkMode != ecs.NetworkModeAwsvpc {
		return as, nil, nil
	}
	network, err := t.defaultNetwork(ctx, as)
	return as, network, err
}

// defaultNetwork is the default VPC's subnets, with a public address where AWS allows one.
func (t *target) defaultNetwork(ctx context.Context, launchType ecs.LaunchType) (*ecs.NetworkConfiguration, error) {
	answer, err := client.Call(ctx, t.client, ec2.DescribeSubnets, &ec2.DescribeSubnetsRequest{
		Filters: []ec2.Filter{{Name: "default-for-az", Values: []string{"true"}}},
	})
	if err != nil {
		return nil, err
	}
	var subnets []string
	for _, s := range answer.Subnets {
		subnets = append(subnets, s.SubnetId)
	}
	network := &ecs.AwsVpcConfiguration{Subnets: subnets}
	if launchType == ecs.LaunchTypeFargate {
		network.AssignPublicIp = ecs.AssignPublicIpEnabled
	}
	return &ecs.NetworkConfiguration{AwsvpcConfiguration: network}, nil
}
