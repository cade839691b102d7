package why

import (
	"fmt"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
)

// explainUnplaced explains a launch that found no room.
func explainUnplaced(u *ecs.Unplaced) Explanation {
	e := Explanation{Definition: u.Definition.String(), Cluster: u.Cluster, LaunchType: u.LaunchType, Next: []string{}, Containers: []Container{},
		Timeline:  []Step{{At: u.At, What: "asked for"}},
		Placement: Placement{Text: fmt.Sprintf("each task needs %s; each machine then:", demand(u.Demand)), Machines: []Machine{}}}
	tasks := "the task"
	if u.Asked > 1 {
		tasks = fmt.Sprintf("%d of %d tasks", u.Short, u.Asked)
	}
	for _, v := range u.Verdicts {
		e.Placement.Machines = append(e.Placement.Machines, machine(v))
	}
	if len(u.Verdicts) == 0 {
		e.Verdict = fmt.Sprintf("No machine could take %s of %s: %s", tasks, u.Definition, sentence(u.NoMachine))
		e.Cause = "There is no machine in the pool that the task was to run in."
		e.Next = fill(noMachine, map[string]string{"cluster": u.Cluster, "launchType": string(u.LaunchType)})
		return e
	}
	closest := u.Verdicts[0]
	e.Verdict = fmt.Sprintf("No machine had room for %s of %s: the closest match, %s, %s.", tasks, u.Definition, closest.Instance, machine(closest).Text)
	for _, o := range obstacles {
		if o.obstacle == closest.Obstacle {
			e.Cause = o.cause
			e.Next = fill(o.next, map[string]string{"cluster": u.Cluster, "instance": closest.Instance, "family": u.Definition.Family, "detail": closest.Detail})
		}
	}
	return e
}

// obstacle is what is known of one obstacle to placement.
type obstacle struct {
	obstacle placement.Obstacle
	cause    string
	next     []string
}

var noMachine = []string{
	"aws ecs list-container-instances --cluster {cluster}  # which machines there are",
	"berth run FILE --launch-type FARGATE  # or EC2: the other pool may have machines",
}

// obstacles are the obstacles to placement, and what to do about each.
var obstacles = []obstacle{
	{placement.CPU, "What runs on every machine leaves fewer CPU units than the task asks for.", []string{
		"berth ps  # what runs; `berth stop TASK` makes room", "lower cpu in the task definition {family}, or add a machine"}},
	{placement.Memory, "What runs on every machine leaves less memory than the task asks for.", []string{
		"berth ps  # what runs; `berth stop TASK` makes room", "lower memory, or set memoryReservation, in the task definition {family}, or add a machine"}},
	{placement.Ports, "A port of the host that the task needs is taken on every machine: {detail}.", []string{
		"berth ps  # which task has the port", "leave hostPort out, or take networkMode awsvpc, where every task has an address of its own"}},
	{placement.PortsUDP, "A UDP port of the host that the task needs is taken on every machine: {detail}.", []string{
		"berth ps  # which task has the port", "leave hostPort out, or take networkMode awsvpc, where every task has an address of its own"}},
	{placement.Missing, "No machine has all attributes that the task needs. Missing: {detail}.", []string{
		"aws ecs list-attributes --target-type container-instance --cluster {cluster}  # what the machines have",
		"aws ecs describe-task-definition --task-definition {family} --query taskDefinition.requiresAttributes"}},
	{placement.Agent, "The agent of the machine is not connected, so nothing can be started there.", []string{
		"aws ecs describe-container-instances --cluster {cluster} --container-instances {instance} --query 'containerInstances[].agentConnected'",
		"start the agent on that machine again, and look at its log"}},
	{placement.Inactive, "The machine is draining, or was deregistered.", []string{
		"aws ecs update-container-instances-state --cluster {cluster} --container-instances {instance} --status ACTIVE"}},
	{placement.NotMember, "No machine satisfies the placement constraint: {detail}.", []string{
		"aws ecs list-attributes --target-type container-instance --cluster {cluster}  # what the machines have"}},
	{placement.NotDistinct, "Every machine has a task of that group already, and distinctInstance allows one each.", []string{
		"berth ps  # where they are", "add a machine, or leave the constraint out"}},
	{placement.Elsewhere, "No machine is in a zone of the subnets that the task was given.", []string{
		"aws ec2 describe-subnets --query 'Subnets[].[SubnetId,AvailabilityZone]'"}},
	{placement.GPU, "No machine has enough GPUs that are free.", []string{"berth ps  # what runs; `berth stop TASK` frees its GPUs"}},
	{placement.ENI, "No machine can take another network interface.", []string{"berth ps  # what runs; `berth stop TASK` frees its interface", "take networkMode host, or add a machine"}},
}
