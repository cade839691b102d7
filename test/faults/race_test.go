package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/berthtest"
)

// caller is a client that tries once: what Berth answers is what the test sees.
type caller struct {
	*ecs.Client
	operator *operator.Client
	subnets  []string
}

func newCaller(t *testing.T, b *berthtest.Berth) caller {
	t.Helper()
	sdk := b.SDK()
	sdk.RetryMaxAttempts = 1
	network, err := ec2.NewFromConfig(sdk).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	return caller{ecs.NewFromConfig(sdk), operator.NewClient(client.New(b.Endpoint, sdk.Credentials, sdk.Region)),
		[]string{aws.ToString(network.Subnets[0].SubnetId)}}
}

// define registers a definition of a server that runs until it is stopped.
func (c caller) define(ctx context.Context) error {
	_, err := c.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("race"), NetworkMode: types.NetworkModeAwsvpc, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("main"), Image: aws.String("berth/hello"), Essential: aws.Bool(true)}},
	})
	return err
}

func (c caller) run(ctx context.Context, count int32) ([]types.Task, error) {
	out, err := c.RunTask(ctx, &ecs.RunTaskInput{TaskDefinition: aws.String("race"), LaunchType: types.LaunchTypeFargate, Count: &count,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: c.subnets}}})
	if err != nil {
		return nil, err
	}
	return out.Tasks, nil
}

// hungUp says that the SDK closed the connection itself while it read a long answer, as it may when a server is very fast.
func hungUp(err error) bool { return errors.Is(err, net.ErrClosed) }

// again has the SDK read once more when it hung up.
func again(o *ecs.Options) { o.RetryMaxAttempts = 3 }

// listed are all tasks of the default cluster that should be in a status.
func (c caller) listed(ctx context.Context, t *testing.T, desired types.DesiredStatus) (tasks []types.Task) {
	t.Helper()
	list, err := c.ListTasks(ctx, &ecs.ListTasksInput{DesiredStatus: desired}, again)
	if code(err) == "ClusterNotFoundException" || err == nil && len(list.TaskArns) == 0 {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.DescribeTasks(ctx, &ecs.DescribeTasksInput{Tasks: list.TaskArns}, again)
	if err != nil {
		t.Fatal(err)
	}
	return out.Tasks
}

func code(err error) string {
	var answered smithy.APIError
	if errors.As(err, &answered) {
		return answered.ErrorCode()
	}
	return ""
}

// TestNoAnswerComesBeforeTheStateIsThere asks all the time while the program starts again: an empty answer would be a wrong one, after
// which Terraform makes everything anew.
func TestNoAnswerComesBeforeTheStateIsThere(t *testing.T) {
	b := berthtest.Start(t, "--engine", "fake")
	c := newCaller(t, b)
	var work sync.WaitGroup
	for w := range 8 {
		work.Go(func() {
			for i := range 50 {
				if _, err := c.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String(fmt.Sprintf("c-%d-%d", w, i))}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	for range 3 {
		b.Kill()
		asking, stop := context.WithCancel(t.Context())
		for range 4 {
			work.Go(func() {
				for asking.Err() == nil {
					out, err := c.ListClusters(asking, &ecs.ListClustersInput{})
					switch {
					case code(err) != "":
						t.Errorf("an answer before the state was there: %v", err)
						return
					case err == nil && len(out.ClusterArns) != 100:
						t.Errorf("%d clusters were listed before the state was there", len(out.ClusterArns))
						return
					}
				}
			})
		}
		b.Restart()
		stop()
		work.Wait()
	}
}

// TestAResetLeavesNothingHalf resets again and again while tasks are started. What is there in the end is whole: it runs, or ends.
func TestAResetLeavesNothingHalf(t *testing.T) {
	b := berthtest.Start(t)
	c := newCaller(t, b)
	calling, stop := context.WithCancel(t.Context())
	defer stop()
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for calling.Err() == nil {
				if _, err := c.run(calling, 2); code(err) == "ClientException" {
					c.define(calling)
				} else if code(err) == "ClusterNotFoundException" {
					time.Sleep(time.Millisecond) // until the agent makes it
				} else if err != nil && !hungUp(err) && calling.Err() == nil {
					t.Errorf("run: %v", err)
				}
			}
		})
	}
	for range 6 {
		berthtest.Eventually(t, 20*time.Second, "tasks are there", func() bool { return len(c.listed(t.Context(), t, types.DesiredStatusRunning)) > 2 })
		if err := c.operator.Reset(t.Context()); err != nil {
			t.Fatalf("reset: %v", err)
		}
	}
	stop()
	callers.Wait()
	berthtest.Eventually(t, 30*time.Second, "every task that is there runs", func() bool {
		for _, task := range c.listed(t.Context(), t, types.DesiredStatusRunning) {
			if aws.ToString(task.LastStatus) != "RUNNING" {
				return false
			}
		}
		return true
	})
	if strings.Contains(b.Wrote(), "ERROR") {
		t.Errorf("errors were logged:\n%s", b.Wrote())
	}
}

// TestAResetDoesNotNeedItsClient breaks the connection in the middle.
func TestAResetDoesNotNeedItsClient(t *testing.T) {
	b := berthtest.Start(t)
	c := newCaller(t, b)
	for _, patience := range []time.Duration{2 * time.Millisecond, 10 * time.Millisecond, 40 * time.Millisecond} {
		berthtest.Eventually(t, 20*time.Second, "a task starts", func() bool {
			if err := c.define(t.Context()); err != nil {
				t.Fatal(err)
			}
			tasks, err := c.run(t.Context(), 3)
			return err == nil && len(tasks) == 3
		})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		c.operator.Reset(ctx)
		cancel()
	}
	b.AwaitReady()
}

// TestNothingRunsAfterDown ends the program while tasks are started.
func TestNothingRunsAfterDown(t *testing.T) {
	b := berthtest.Start(t)
	c := newCaller(t, b)
	in, err := instance.Find(b.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.define(t.Context()); err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for {
				_, err := c.run(t.Context(), 1)
				if err != nil {
					return
				}
			}
		})
	}
	berthtest.Eventually(t, 20*time.Second, "tasks run", func() bool { return len(c.listed(t.Context(), t, types.DesiredStatusRunning)) > 3 })
	b.Run("down")
	<-b.Ended()
	callers.Wait()
	if left := berthtest.TaskLeftovers(t, in.ID); len(left) > 0 {
		t.Errorf("of tasks is left: %s", strings.Join(left, "\n"))
	}
	b.Restart()
	if tasks := c.listed(t.Context(), t, types.DesiredStatusRunning); len(tasks) > 0 {
		t.Errorf("%d tasks were to run on", len(tasks))
	}
}
