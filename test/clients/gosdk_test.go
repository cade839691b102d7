package clients

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-dev/berth/test/berthtest"
)

// sdk is the configuration of the Go SDK that the printed exports amount to.
func sdk(t *testing.T, b *berthtest.Berth) aws.Config {
	t.Helper()
	values := map[string]string{}
	for _, v := range b.Env() {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value
	}
	return aws.Config{
		BaseEndpoint: aws.String(values["AWS_ENDPOINT_URL"]),
		Region:       values["AWS_REGION"],
		Credentials:  credentials.NewStaticCredentialsProvider(values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"], ""),
	}
}

// TestALifeThroughTheGoSDK finds type errors that boto3 lets pass: the Go SDK decodes strictly.
func TestALifeThroughTheGoSDK(t *testing.T) {
	b := berthtest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	config := sdk(t, b)
	client, network := ecs.NewFromConfig(config), ec2.NewFromConfig(config)

	who, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(who.Account) != "000000000000" || aws.ToString(who.Arn) == "" {
		t.Errorf("caller identity %v", who)
	}
	if _, err := client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("sdk")}); err != nil {
		t.Fatal(err)
	}
	registered, err := client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("sdk"), NetworkMode: types.NetworkModeAwsvpc, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("0.5 GB"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("berth/hello"), Essential: aws.Bool(true), StopTimeout: aws.Int32(5)}},
		Tags:                 []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(registered.TaskDefinition.Memory); got != "512" {
		t.Errorf("memory 0.5 GB was registered as %q", got)
	}
	subnets, err := network.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	run := &ecs.RunTaskInput{
		Cluster: aws.String("sdk"), TaskDefinition: aws.String("sdk"), LaunchType: types.LaunchTypeFargate, Count: aws.Int32(2), ClientToken: aws.String("once"),
		PropagateTags: types.PropagateTagsTaskDefinition, EnableECSManagedTags: true,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{aws.ToString(subnets.Subnets[0].SubnetId)}}},
	}
	ran, err := client.RunTask(ctx, run)
	if err != nil {
		t.Fatal(err)
	}
	again, err := client.RunTask(ctx, run)
	if err != nil {
		t.Fatal(err)
	}
	var arns []string
	for i, task := range ran.Tasks {
		arns = append(arns, aws.ToString(task.TaskArn))
		if i >= len(again.Tasks) || aws.ToString(again.Tasks[i].TaskArn) != aws.ToString(task.TaskArn) {
			t.Errorf("the same client token started other tasks")
		}
	}
	other := *run
	other.Count = aws.Int32(1)
	var conflict *types.ConflictException
	if _, err := client.RunTask(ctx, &other); !errors.As(err, &conflict) || !slices.Equal(conflict.ResourceIds, arns) {
		t.Errorf("the client token with other parameters: %v, of %v; want a conflict of %v", err, conflict, arns)
	}
	describe := &ecs.DescribeTasksInput{Cluster: aws.String("sdk"), Tasks: arns, Include: []types.TaskField{types.TaskFieldTags}}
	wait := func(o *ecs.TasksRunningWaiterOptions) { o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second }
	if err := ecs.NewTasksRunningWaiter(client).Wait(ctx, describe, time.Minute, wait); err != nil {
		t.Fatal(err)
	}
	described, err := client.DescribeTasks(ctx, describe)
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range described.Tasks {
		tags := map[string]string{}
		for _, tag := range task.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		if tags["team"] != "blue" || tags["aws:ecs:clusterName"] != "sdk" {
			t.Errorf("tags are %v", tags)
		}
		if task.StartedAt == nil || task.PullStoppedAt == nil || len(task.Containers) != 1 {
			t.Errorf("a running task is described as %+v", task)
		}
	}
	for _, arn := range arns {
		if _, err := client.StopTask(ctx, &ecs.StopTaskInput{Cluster: aws.String("sdk"), Task: aws.String(arn)}); err != nil {
			t.Fatal(err)
		}
	}
	waitStopped := func(o *ecs.TasksStoppedWaiterOptions) { o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second }
	if err := ecs.NewTasksStoppedWaiter(client).Wait(ctx, describe, time.Minute, waitStopped); err != nil {
		t.Fatal(err)
	}
	var missing *types.ClusterNotFoundException
	if _, err := client.ListTasks(ctx, &ecs.ListTasksInput{Cluster: aws.String("nowhere")}); !errors.As(err, &missing) {
		t.Errorf("a missing cluster: %v, want ClusterNotFoundException", err)
	}
	if _, err := cloudwatchlogs.NewFromConfig(config).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{}); err != nil {
		t.Error(err)
	}
}

// TestTheWrongKeyIsRefused signs with a key that Berth does not know, and with the right one's wrong secret.
func TestTheWrongKeyIsRefused(t *testing.T) {
	b := berthtest.Start(t)
	for name, key := range map[string][2]string{
		"an unknown key": {"AKIAXXXXXXXXXXXXXXXX", "secret"},
		"a wrong secret": {sdkKey(t, b), "secret"},
	} {
		config := sdk(t, b)
		config.Credentials = credentials.NewStaticCredentialsProvider(key[0], key[1], "")
		_, err := ecs.NewFromConfig(config).ListClusters(context.Background(), &ecs.ListClustersInput{})
		want := map[string]string{"an unknown key": "UnrecognizedClientException", "a wrong secret": "InvalidSignatureException"}[name]
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func sdkKey(t *testing.T, b *berthtest.Berth) string {
	t.Helper()
	keys, err := sdk(t, b).Credentials.Retrieve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return keys.AccessKeyID
}
