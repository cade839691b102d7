package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/ecs"
)

// BenchmarkRoll replaces the twenty tasks of a service by a rolling update. What it must wait for is its floor: that the tasks
// which the bounds allow at a time start, and then count as healthy, for each wave.
func BenchmarkRoll(b *testing.B) {
	const tasks = 20
	const healthy = time.Second // what --fast has a task wait that nothing checks
	s := startWithFamilies(b, "--fast")
	s.launch(small, 1)
	for _, maximum := range []int{200, 110} {
		atATime := tasks * (maximum - 100) / 100
		name := fmt.Sprintf("roll-%d", maximum)
		var starts, rolls []time.Duration
		for range 3 {
			starts = append(starts, s.launch(small, atATime))
		}
		s.service(name, tasks, maximum)
		for range 3 {
			rolls = append(rolls, s.roll(name))
		}
		floor := time.Duration(tasks/atATime) * (median(starts) + healthy)
		measured.add(row{What: fmt.Sprintf("rolling update of %d tasks, maximum %d %%", tasks, maximum), Value: ms(median(rolls)), Unit: "ms",
			Floor: ms(floor), FloorIs: fmt.Sprintf("%d starts of %d, and 1 s each", tasks/atATime, atATime)})
		call(s, ecs.DeleteService, ecs.DeleteServiceRequest{Service: name, Force: new(true)})
		s.idle()
	}
	b.ReportMetric(0, "ns/op")
}

// service makes a service of small tasks that never goes below its count, and waits until it is steady.
func (s *subject) service(name string, tasks, maximum int) {
	s.b.Helper()
	subnet := call(s, ec2.DescribeSubnets, ec2.DescribeSubnetsRequest{}).Subnets[0].SubnetId
	call(s, ecs.CreateService, ecs.CreateServiceRequest{ServiceName: name, TaskDefinition: small, LaunchType: ecs.LaunchTypeEc2, DesiredCount: new(int32(tasks)),
		NetworkConfiguration:    &ecs.NetworkConfiguration{AwsvpcConfiguration: &ecs.AwsVpcConfiguration{Subnets: []string{subnet}}},
		DeploymentConfiguration: &ecs.DeploymentConfiguration{MinimumHealthyPercent: new(int32(100)), MaximumPercent: new(int32(maximum))}})
	s.completed(name)
}

// roll has a service replace its tasks, and returns how long that took.
func (s *subject) roll(name string) time.Duration {
	s.b.Helper()
	began := time.Now()
	call(s, ecs.UpdateService, ecs.UpdateServiceRequest{Service: name, ForceNewDeployment: true})
	s.completed(name)
	return time.Since(began)
}

// completed waits until a service has one deployment, which is complete.
func (s *subject) completed(name string) {
	s.b.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		d := call(s, ecs.DescribeServices, ecs.DescribeServicesRequest{Services: []string{name}}).Services[0].Deployments
		if len(d) == 1 && d[0].RolloutState == ecs.DeploymentRolloutStateCompleted {
			return
		}
	}
	s.b.Fatalf("%s is not steady after two minutes", name)
}
