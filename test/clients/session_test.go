package clients

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/berth-dev/berth/test/berthtest"
)

// session is one person's: each step sees what those before it have done.
type session struct {
	*testing.T
	ctx    context.Context
	client *ecs.Client
}

// do is the answer of a call that must succeed.
func do[In, Out any](s *session, call func(context.Context, In, ...func(*ecs.Options)) (Out, error), in In) Out {
	s.Helper()
	out, err := call(s.ctx, in)
	if err != nil {
		s.Fatalf("%T: %v", in, err)
	}
	return out
}

// refused expects the error of a call.
func refused[In, Out any](s *session, call func(context.Context, In, ...func(*ecs.Options)) (Out, error), in In, code, text string) {
	s.Helper()
	_, err := call(s.ctx, in)
	var answer smithy.APIError
	if !errors.As(err, &answer) || answer.ErrorCode() != code || answer.ErrorMessage() != text {
		s.Errorf("%T: %v, want %s: %s", in, err, code, text)
	}
}

func (s *session) equal(what string, got, want any) {
	s.Helper()
	if got != want {
		s.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestASessionThroughAllThatIsNotServices goes through the life of an account in one `berth dev`, as somebody does who knows
// what ECS answers.
func TestASessionThroughAllThatIsNotServices(t *testing.T) {
	b := berthtest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s := &session{t, ctx, ecs.NewFromConfig(sdk(t, b))}
	s.clusters()
	s.settings()
	s.definitions()
	instance := s.instances()
	s.tasks(instance)
	s.leave()
}

func (s *session) clusters() {
	c := s.client
	provider := do(s, c.CreateCapacityProvider, &ecs.CreateCapacityProviderInput{Name: aws.String("racks"),
		AutoScalingGroupProvider: &types.AutoScalingGroupProvider{AutoScalingGroupArn: aws.String("racks")}}).CapacityProvider
	s.equal("the provider", provider.Status, types.CapacityProviderStatusActive)
	made := do(s, c.CreateCluster, &ecs.CreateClusterInput{ClusterName: aws.String("prod"), CapacityProviders: []string{"racks", "FARGATE"},
		Tags: []types.Tag{{Key: aws.String("Env"), Value: aws.String("prod")}}}).Cluster
	s.equal("the cluster", *made.ClusterArn, "arn:aws:ecs:us-east-1:000000000000:cluster/prod")
	described := do(s, c.DescribeClusters, &ecs.DescribeClustersInput{Clusters: []string{"prod", "none"}})
	s.equal("tags that were not asked for", len(described.Clusters[0].Tags)+len(described.Clusters[0].Settings), 0)
	s.equal("the missing cluster", *described.Failures[0].Arn+" "+*described.Failures[0].Reason, "arn:aws:ecs:us-east-1:000000000000:cluster/none MISSING")
	for n := range 3 {
		do(s, c.CreateCluster, &ecs.CreateClusterInput{ClusterName: aws.String("c" + string(rune('0'+n)))})
	}
	var pages []int
	for p := ecs.NewListClustersPaginator(c, &ecs.ListClustersInput{MaxResults: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(s.ctx)
		if err != nil {
			s.Fatal(err)
		}
		pages = append(pages, len(page.ClusterArns))
	}
	if !slices.Equal(pages, []int{2, 2, 1}) {
		s.Errorf("five clusters in pages of two: %v", pages)
	}
	in := do(s, c.DeleteCapacityProvider, &ecs.DeleteCapacityProviderInput{CapacityProvider: aws.String("racks")}).CapacityProvider
	s.equal("a provider of a cluster", in.UpdateStatus, types.CapacityProviderUpdateStatusDeleteFailed)
	do(s, c.PutClusterCapacityProviders, &ecs.PutClusterCapacityProvidersInput{Cluster: aws.String("prod"), CapacityProviders: []string{"FARGATE"},
		DefaultCapacityProviderStrategy: []types.CapacityProviderStrategyItem{}})
	out := do(s, c.DeleteCapacityProvider, &ecs.DeleteCapacityProviderInput{CapacityProvider: aws.String("racks")}).CapacityProvider
	s.equal("a provider of none", out.Status, types.CapacityProviderStatusInactive)
	s.equal("the providers left", len(do(s, c.DescribeCapacityProviders, &ecs.DescribeCapacityProvidersInput{}).CapacityProviders), 2)
	refused(s, c.DescribeClusters, &ecs.DescribeClustersInput{Clusters: []string{""}}, "InvalidParameterException", "Clusters can not be blank.")
}

func (s *session) settings() {
	c := s.client
	do(s, c.PutAccountSettingDefault, &ecs.PutAccountSettingDefaultInput{Name: types.SettingNameAwsvpcTrunking, Value: aws.String("enabled")})
	mine := do(s, c.ListAccountSettings, &ecs.ListAccountSettingsInput{}).Settings
	s.equal("settings that were made", len(mine), 1)
	s.equal("whose they are", *mine[0].PrincipalArn, "arn:aws:iam::000000000000:root")
	refused(s, c.PutAccountSetting, &ecs.PutAccountSettingInput{Name: types.SettingNameTaskLongArnFormat, Value: aws.String("disabled")},
		"InvalidParameterException", "You can no longer disable Long Arn settings")
	do(s, c.DeleteAccountSetting, &ecs.DeleteAccountSettingInput{Name: types.SettingNameAwsvpcTrunking})
}

func (s *session) definitions() {
	c := s.client
	register := &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"), NetworkMode: types.NetworkModeHost,
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("berth/hello"), Memory: aws.Int32(64), StopTimeout: aws.Int32(2),
			Environment: []types.KeyValuePair{{Name: aws.String("PORT"), Value: aws.String("0")}}}}}
	for n := range int32(3) {
		s.equal("the revision", do(s, c.RegisterTaskDefinition, register).TaskDefinition.Revision, n+1)
	}
	do(s, c.DeregisterTaskDefinition, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: aws.String("web:3")})
	s.equal("the latest that is active", do(s, c.DescribeTaskDefinition, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web")}).TaskDefinition.Revision, int32(2))
	listed := do(s, c.ListTaskDefinitions, &ecs.ListTaskDefinitionsInput{FamilyPrefix: aws.String("web"), Sort: types.SortOrderDesc}).TaskDefinitionArns
	if !slices.Equal(listed, []string{"arn:aws:ecs:us-east-1:000000000000:task-definition/web:2", "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1"}) {
		s.Errorf("the newest first: %v", listed)
	}
	refused(s, c.RunTask, &ecs.RunTaskInput{TaskDefinition: aws.String("web:3")}, "InvalidParameterException", "TaskDefinition is inactive")
	refused(s, c.DescribeTaskDefinition, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("none")}, "ClientException", "Unable to describe task definition.")
	refused(s, c.ListTasks, &ecs.ListTasksInput{Family: aws.String("web:2")}, "InvalidParameterException", `family must match ^[a-zA-Z0-9\-_]{1,255}$, but was web:2`)
	deleted := do(s, c.DeleteTaskDefinitions, &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: []string{"web:2", "web:3"}})
	s.equal("deleted", len(deleted.TaskDefinitions), 1)
	s.equal("why not the active one", *deleted.Failures[0].Reason, "The specified task definition is still in ACTIVE status. Please deregister the target and try again.")
}

// instances marks and drains the machine's own container instance, and returns its ARN.
func (s *session) instances() string {
	c := s.client
	own, _ := containerInstances(s.T, s.ctx, c)
	do(s, c.PutAttributes, &ecs.PutAttributesInput{Attributes: []types.Attribute{{Name: aws.String("stack"), Value: aws.String("blue"), TargetId: aws.String(own)}}})
	found := do(s, c.ListContainerInstances, &ecs.ListContainerInstancesInput{Filter: aws.String("attribute:stack == blue and attribute:ecs.os-type exists")})
	s.equal("instances with the attribute", len(found.ContainerInstanceArns), 1)
	state := func(to types.ContainerInstanceStatus) {
		changed := do(s, c.UpdateContainerInstancesState, &ecs.UpdateContainerInstancesStateInput{ContainerInstances: []string{own}, Status: to}).ContainerInstances
		s.equal("the instance", *changed[0].Status, string(to))
	}
	state(types.ContainerInstanceStatusDraining)
	refused(s, c.RunTask, &ecs.RunTaskInput{TaskDefinition: aws.String("web"), LaunchType: types.LaunchTypeEc2},
		"InvalidParameterException", "No Container Instances were found in your cluster.")
	state(types.ContainerInstanceStatusActive)
	refused(s, c.UpdateContainerAgent, &ecs.UpdateContainerAgentInput{ContainerInstance: aws.String(own)},
		"NoUpdateAvailableException", "There is no update available for your container agent.")
	return own
}

func (s *session) tasks(instance string) {
	c := s.client
	run := &ecs.RunTaskInput{TaskDefinition: aws.String("web"), Count: aws.Int32(2), StartedBy: aws.String("me"), EnableECSManagedTags: true,
		PlacementConstraints: []types.PlacementConstraint{{Type: types.PlacementConstraintTypeMemberOf, Expression: aws.String("attribute:stack == blue")}},
		Overrides:            &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("web"), Memory: aws.Int32(96)}}}}
	ran := do(s, c.RunTask, run)
	s.equal("tasks", len(ran.Tasks), 2)
	var arns []string
	for _, task := range ran.Tasks {
		arns = append(arns, *task.TaskArn)
		s.equal("where it is placed", *task.ContainerInstanceArn, instance)
		s.equal("its memory", *task.Memory, "96")
		s.equal("its group", *task.Group, "family:web")
	}
	run.ClientToken = nil // the SDK has put one there
	run.PlacementConstraints[0].Expression = aws.String("attribute:stack == green")
	failed := do(s, c.RunTask, run)
	s.equal("no place", *failed.Failures[0].Reason, "MemberOf placement constraint unsatisfied.")
	describe := &ecs.DescribeTasksInput{Tasks: arns}
	if err := ecs.NewTasksRunningWaiter(c).Wait(s.ctx, describe, time.Minute, func(o *ecs.TasksRunningWaiterOptions) { o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second }); err != nil {
		s.Fatal(err)
	}
	protection := do(s, c.UpdateTaskProtection, &ecs.UpdateTaskProtectionInput{Cluster: aws.String("default"), Tasks: arns[:1], ProtectionEnabled: true})
	s.equal("the protection of a task of no service", *protection.Failures[0].Reason, "TASK_NOT_VALID")
	do(s, c.TagResource, &ecs.TagResourceInput{ResourceArn: aws.String(arns[0]), Tags: []types.Tag{{Key: aws.String("Owner"), Value: aws.String("me")}}})
	s.equal("the task's tags", len(do(s, c.ListTagsForResource, &ecs.ListTagsForResourceInput{ResourceArn: aws.String(arns[0])}).Tags), 2)
	s.equal("tags that were not asked for", len(do(s, c.DescribeTasks, describe).Tasks[0].Tags), 0)
	refused(s, c.DeleteCluster, &ecs.DeleteClusterInput{Cluster: aws.String("default")},
		"ClusterContainsContainerInstancesException", "The Cluster cannot be deleted while Container Instances are active or draining.")
	refused(s, c.DeregisterContainerInstance, &ecs.DeregisterContainerInstanceInput{ContainerInstance: aws.String(instance)},
		"InvalidParameterException", "Found running tasks on the instance.")
	for _, arn := range arns {
		stopping := do(s, c.StopTask, &ecs.StopTaskInput{Task: aws.String(arn)}).Task
		s.equal("the reason", *stopping.StoppedReason, "Task stopped by user")
	}
	if err := ecs.NewTasksStoppedWaiter(c).Wait(s.ctx, describe, time.Minute, func(o *ecs.TasksStoppedWaiterOptions) { o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second }); err != nil {
		s.Fatal(err)
	}
	stopped := do(s, c.ListTasks, &ecs.ListTasksInput{Family: aws.String("web"), DesiredStatus: types.DesiredStatusStopped}).TaskArns
	s.equal("tasks that have stopped", len(stopped), 2)
	refused(s, c.StopTask, &ecs.StopTaskInput{Task: aws.String("0123456789abcdef0123456789abcdef")}, "InvalidParameterException", "The referenced task was not found.")
	refused(s, c.StopTask, &ecs.StopTaskInput{Task: aws.String("")}, "InvalidParameterException", "Task can not be blank.")
}

func (s *session) leave() {
	c := s.client
	gone := do(s, c.DeleteCluster, &ecs.DeleteClusterInput{Cluster: aws.String("prod")}).Cluster
	s.equal("the deleted cluster", *gone.Status, "INACTIVE")
	still := do(s, c.DescribeClusters, &ecs.DescribeClustersInput{Clusters: []string{"prod"}}).Clusters
	s.equal("a deleted cluster is described", *still[0].Status, "INACTIVE")
	refused(s, c.RunTask, &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: aws.String("web")}, "ClusterNotFoundException", "Cluster not found.")
}
