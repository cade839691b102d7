package service

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// create makes a service and returns it as it is answered.
func (w *world) create(body string) api.Service {
	w.t.Helper()
	return *answered[api.CreateServiceResponse](w, "CreateService", body).Service
}

// update changes a service and returns it as it is answered.
func (w *world) update(body string) api.Service {
	w.t.Helper()
	return *answered[api.UpdateServiceResponse](w, "UpdateService", body).Service
}

// answered is the answer to a request.
func answered[T any](w *world, operation, body string) (out T) {
	w.t.Helper()
	w.ok(json.Unmarshal([]byte(w.did(operation, body)), &out))
	return out
}

func TestACreatedServiceIsDescribedAsItWasAskedFor(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	got := w.create(`{"serviceName": "web", "taskDefinition": "web", "desiredCount": 3, ` + onFargate + `, "enableECSManagedTags": true, "propagateTags": "SERVICE",
		"enableExecuteCommand": true, "healthCheckGracePeriodSeconds": 7, "tags": [{"key": "team", "value": "a"}],
		"loadBalancers": [{"targetGroupArn": "` + groupOfAddresses + `", "containerName": "web", "containerPort": 80}],
		"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}}`)
	if got.Status != "ACTIVE" || got.DesiredCount != 3 || got.PlatformVersion != "LATEST" || got.LaunchType != "FARGATE" || got.CapacityProviderStrategy != nil ||
		got.TaskDefinition != "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1" || *got.HealthCheckGracePeriodSeconds != 7 || !got.EnableExecuteCommand ||
		got.PropagateTags != "SERVICE" || !got.EnableECSManagedTags || len(got.Tags) != 1 || got.AvailabilityZoneRebalancing != "ENABLED" || got.SchedulingStrategy != "REPLICA" ||
		got.DeploymentController.Type != "ECS" || *got.DeploymentConfiguration.MaximumPercent != 200 || *got.DeploymentConfiguration.MinimumHealthyPercent != 100 ||
		!got.DeploymentConfiguration.DeploymentCircuitBreaker.Rollback || got.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp != "DISABLED" ||
		got.RoleArn != "arn:aws:iam::000000000000:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS" {
		t.Errorf("%+v", got)
	}
	if len(got.Deployments) != 1 {
		t.Fatalf("%d deployments", len(got.Deployments))
	}
	d := got.Deployments[0]
	if d.Status != "PRIMARY" || d.RolloutState != "IN_PROGRESS" || d.RolloutStateReason != "ECS deployment "+d.Id+" in progress." || d.DesiredCount != 3 ||
		d.PlatformVersion != "1.4.0" || d.PlatformFamily != "Linux" || d.LaunchType != "FARGATE" || d.NetworkConfiguration == nil {
		t.Errorf("%+v", d)
	}
	deployment := answered[api.DescribeServiceDeploymentsResponse](w, "DescribeServiceDeployments", `{"serviceDeploymentArns": ["`+got.CurrentServiceDeployment+`"]}`).ServiceDeployments[0]
	if deployment.Status != "PENDING" || deployment.TargetServiceRevision.RequestedTaskCount != 3 || len(deployment.SourceServiceRevisions) != 0 {
		t.Errorf("%+v", deployment)
	}
	revision := answered[api.DescribeServiceRevisionsResponse](w, "DescribeServiceRevisions", `{"serviceRevisionArns": ["`+deployment.TargetServiceRevision.Arn+`"]}`).ServiceRevisions[0]
	if revision.TaskDefinition != got.TaskDefinition || len(revision.LoadBalancers) != 1 || revision.ResolvedConfiguration.LoadBalancers[0].TargetGroupArn != groupOfAddresses {
		t.Errorf("%+v", revision)
	}
}

func TestWithoutTagsAskedForNoneAreShown(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.create(`{"serviceName": "web", "taskDefinition": "bridged", "desiredCount": 0, "tags": [{"key": "team", "value": "a"}]}`)
	for include, want := range map[string]int{`[]`: 0, `["TAGS"]`: 1} {
		s := answered[api.DescribeServicesResponse](w, "DescribeServices", `{"services": ["web"], "include": `+include+`}`).Services[0]
		if len(s.Tags) != want || s.NetworkConfiguration != nil || s.RoleArn != "" || s.PlatformVersion != "" {
			t.Errorf("include %s: %+v", include, s)
		}
	}
	tagged := w.Tagged(here, "service", "default/web")
	w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error {
		return tagged.Change(tx, func(tags []api.Tag) ([]api.Tag, error) { return append(tags, api.Tag{Key: "b"}), nil })
	}))
	if n := len(w.service("web").Tags); n != 2 {
		t.Errorf("%d tags", n)
	}
}

func TestWhatMakesADeployment(t *testing.T) {
	for _, c := range []struct {
		name, change string
		deploys      bool
	}{
		{"the desired count", `"desiredCount": 5`, false},
		{"the same task definition", `"taskDefinition": "web:1"`, false},
		{"another task definition", `"taskDefinition": "web:2"`, true},
		{"the family, which has a newer revision", `"taskDefinition": "web"`, true},
		{"force", `"forceNewDeployment": true`, true},
		{"the same network", `"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}}`, false},
		{"another network", `"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}`, true},
		{"another platform version", `"platformVersion": "1.4.0"`, true},
		{"load balancers", `"loadBalancers": [{"targetGroupArn": "` + groupOfAddresses + `", "containerName": "web", "containerPort": 80}]`, true},
		{"no load balancers, as before", `"loadBalancers": []`, false},
		{"placement, tags and the rest", `"enableExecuteCommand": true, "propagateTags": "SERVICE", "enableECSManagedTags": true, "healthCheckGracePeriodSeconds": 1,
			"availabilityZoneRebalancing": "DISABLED", "deploymentConfiguration": {"maximumPercent": 150}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.definitions()
			first := w.create(`{"serviceName": "web", "taskDefinition": "web:1", "desiredCount": 1, ` + onFargate + `}`)
			w.did("RegisterTaskDefinition", `{"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
				"containerDefinitions": [{"name": "web", "image": "web:2", "portMappings": [{"containerPort": 80}]}]}`)
			second := w.update(`{"service": "web", ` + c.change + `}`)
			if deployed := second.CurrentServiceDeployment != first.CurrentServiceDeployment; deployed != c.deploys {
				t.Fatalf("deployed: %t", deployed)
			}
			if !c.deploys {
				return
			}
			if d := second.Deployments; len(d) != 2 || d[0].Status != "PRIMARY" || d[1].Status != "ACTIVE" || d[0].Id == d[1].Id {
				t.Errorf("deployments %+v", d)
			}
			before := answered[api.DescribeServiceDeploymentsResponse](w, "DescribeServiceDeployments", `{"serviceDeploymentArns": ["`+first.CurrentServiceDeployment+`"]}`).ServiceDeployments[0]
			if before.Status != "STOPPED" || before.StatusReason == "" {
				t.Errorf("the deployment before: %+v", before)
			}
		})
	}
}

func TestSettingsChangeWithoutADeployment(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.create(`{"serviceName": "web", "taskDefinition": "bridged", "desiredCount": 1, "placementStrategy": [{"type": "spread", "field": "instanceId"}]}`)
	w.did("DeregisterTaskDefinition", `{"taskDefinition": "bridged:1"}`) // which does not keep it from being scaled
	got := w.update(`{"service": "web", "desiredCount": 4, "deploymentConfiguration": {"minimumHealthyPercent": 50}, "placementStrategy": []}`)
	if got.DesiredCount != 4 || got.Deployments[0].DesiredCount != 4 || *got.DeploymentConfiguration.MinimumHealthyPercent != 50 ||
		*got.DeploymentConfiguration.MaximumPercent != 200 || len(got.PlacementStrategy) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestACapacityProviderStrategyChangesByForceAlone(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.did("PutClusterCapacityProviders", `{"cluster": "default", "capacityProviders": ["FARGATE", "FARGATE_SPOT"], "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}`)
	network := `"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}`
	made := w.create(`{"serviceName": "web", "taskDefinition": "web", "desiredCount": 1, ` + network + `}`)
	if len(made.CapacityProviderStrategy) != 1 || made.CapacityProviderStrategy[0].CapacityProvider != "FARGATE" || made.LaunchType != "" {
		t.Errorf("by the cluster's default strategy: %+v", made)
	}
	spot := `"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]`
	if code, message := w.failed("UpdateService", `{"service": "web", `+spot+`}`); code != "InvalidParameterException" {
		t.Errorf("%s: %s", code, message)
	}
	if got := w.update(`{"service": "web", "forceNewDeployment": true, ` + spot + `}`); got.CapacityProviderStrategy[0].CapacityProvider != "FARGATE_SPOT" {
		t.Errorf("%+v", got)
	}
	if got := w.update(`{"service": "web", "forceNewDeployment": true, "capacityProviderStrategy": []}`); got.LaunchType != "FARGATE" || len(got.CapacityProviderStrategy) != 0 {
		t.Errorf("%+v", got)
	}
	if n := w.Counts(here, "default").Active["FARGATE"]; n != 1 {
		t.Errorf("%d services on Fargate", n)
	}
}

func TestTheSameRequestAgainFindsTheService(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	for name, body := range map[string]string{
		"by all that it says": `{"serviceName": "a", "taskDefinition": "bridged", "desiredCount": 1}`,
		"by its token":        `{"serviceName": "b", "taskDefinition": "bridged", "desiredCount": 1, "clientToken": "t"}`,
	} {
		t.Run(name, func(t *testing.T) {
			first, second := w.create(body), w.create(body)
			if first.CurrentServiceDeployment != second.CurrentServiceDeployment {
				t.Errorf("another deployment: %s and %s", first.CurrentServiceDeployment, second.CurrentServiceDeployment)
			}
		})
	}
	if code, message := w.failed("CreateService", `{"serviceName": "c", "taskDefinition": "bridged", "desiredCount": 1, "clientToken": "t"}`); message != "Creation of service was not idempotent." {
		t.Errorf("the token for another: %s: %s", code, message)
	}
	w.update(`{"service": "a", "desiredCount": 2}`)
	if _, message := w.failed("CreateService", `{"serviceName": "a", "taskDefinition": "bridged", "desiredCount": 1}`); message != "Creation of service was not idempotent." {
		t.Errorf("after it was changed: %s", message)
	}
}

func TestADeletedServiceDrainsAndLeavesItsName(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.create(`{"serviceName": "web", "taskDefinition": "bridged", "desiredCount": 2}`)
	w.tell("web", "old")
	got := *answered[api.DeleteServiceResponse](w, "DeleteService", `{"service": "web", "force": true}`).Service
	if got.Status != "DRAINING" || got.DesiredCount != 0 || got.Deployments[0].DesiredCount != 0 || got.CurrentServiceDeployment != "" {
		t.Errorf("%+v", got)
	}
	if n := len(answered[api.ListServicesResponse](w, "ListServices", `{}`).ServiceArns); n != 1 {
		t.Errorf("%d services are listed while it is DRAINING", n)
	}
	w.inactive("web")
	if n := len(answered[api.ListServicesResponse](w, "ListServices", `{}`).ServiceArns); n != 0 {
		t.Errorf("%d services are listed when it is INACTIVE", n)
	}
	got = answered[api.DescribeServicesResponse](w, "DescribeServices", `{"services": ["web", "none"]}`).Services[0]
	if got.Status != "INACTIVE" || len(got.Deployments) != 0 || got.TaskDefinition == "" || len(got.Events) != 1 {
		t.Errorf("%+v", got)
	}
	if code, _ := w.failed("DeleteService", `{"service": "web"}`); code != "ServiceNotFoundException" {
		t.Errorf("deleted twice: %s", code)
	}
	if got := w.create(`{"serviceName": "web", "taskDefinition": "bridged", "desiredCount": 1}`); got.Status != "ACTIVE" || len(got.Events) != 0 {
		t.Errorf("made anew: %+v", got)
	}
}

// tell records an event of a service.
func (w *world) tell(name, message string) {
	w.t.Helper()
	w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error {
		v := *w.service(name)
		if err := w.Tell(tx, here, &v, time.Now(), message); err != nil {
			return err
		}
		return w.Services.Put(tx, here, v.Key(), &v)
	}))
}

// inactive makes a service one whose last task has stopped.
func (w *world) inactive(name string) {
	w.t.Helper()
	w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error {
		return w.Services.Modify(tx, here, Key("default", name), func(v *Service) error {
			v.Status, v.Rollouts = Inactive, nil
			return nil
		})
	}))
}

func TestTheNewestHundredEventsAreKept(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.create(`{"serviceName": "web", "taskDefinition": "bridged", "desiredCount": 0}`)
	for i := range 103 {
		w.tell("web", fmt.Sprint(i))
	}
	events := answered[api.DescribeServicesResponse](w, "DescribeServices", `{"services": ["web"]}`).Services[0].Events
	if len(events) != 100 || events[0].Message != "102" || events[99].Message != "3" {
		t.Errorf("%d events, from %v to %v", len(events), events[0], events[len(events)-1])
	}
}

func TestListingsArePaged(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	for i := range 12 {
		w.create(fmt.Sprintf(`{"serviceName": "s%02d", "taskDefinition": "bridged", "desiredCount": 0}`, i))
	}
	w.create(`{"serviceName": "daemon", "taskDefinition": "bridged", "schedulingStrategy": "DAEMON"}`)
	first := answered[api.ListServicesResponse](w, "ListServices", `{"schedulingStrategy": "REPLICA"}`)
	if len(first.ServiceArns) != 10 || first.NextToken == "" {
		t.Fatalf("%+v", first)
	}
	rest := answered[api.ListServicesResponse](w, "ListServices", `{"schedulingStrategy": "REPLICA", "nextToken": "`+first.NextToken+`"}`)
	if len(rest.ServiceArns) != 2 || rest.NextToken != "" || rest.ServiceArns[1] != ARN(here, "default", "s11") {
		t.Errorf("%+v", rest)
	}
	for filter, want := range map[string]int{`"launchType": "EC2"`: 13, `"launchType": "FARGATE"`: 0, `"schedulingStrategy": "DAEMON"`: 1, `"resourceManagementType": "ECS"`: 0} {
		if n := len(answered[api.ListServicesResponse](w, "ListServices", `{"maxResults": 100, `+filter+`}`).ServiceArns); n != want {
			t.Errorf("%s: %d", filter, n)
		}
	}
	for range 3 {
		w.update(`{"service": "s00", "forceNewDeployment": true}`)
	}
	page := answered[api.ListServiceDeploymentsResponse](w, "ListServiceDeployments", `{"service": "s00", "maxResults": 3}`)
	last := answered[api.ListServiceDeploymentsResponse](w, "ListServiceDeployments", `{"service": "s00", "maxResults": 3, "nextToken": "`+page.NextToken+`"}`)
	all := append(page.ServiceDeployments, last.ServiceDeployments...)
	newest := func(a, b api.ServiceDeploymentBrief) int { return b.CreatedAt.Compare(a.CreatedAt.Time) }
	if len(all) != 4 || !slices.IsSortedFunc(all, newest) || all[0].Status != "PENDING" || all[3].Status != "STOPPED" {
		t.Errorf("%+v", all)
	}
	if n := len(answered[api.ListServiceDeploymentsResponse](w, "ListServiceDeployments", `{"service": "s00", "status": ["PENDING"]}`).ServiceDeployments); n != 1 {
		t.Errorf("%d are PENDING", n)
	}
}

func TestADeploymentIsStoppedOnce(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	arn := w.create(`{"serviceName": "web", "taskDefinition": "bridged", "desiredCount": 1}`).CurrentServiceDeployment
	if code, _ := w.failed("StopServiceDeployment", `{"serviceDeploymentArn": "`+arn+`"}`); code != "InvalidParameterException" {
		t.Errorf("rolled back with nothing before: %s", code)
	}
	w.did("StopServiceDeployment", `{"serviceDeploymentArn": "`+arn+`", "stopType": "ABORT"}`)
	if code, _ := w.failed("StopServiceDeployment", `{"serviceDeploymentArn": "`+arn+`", "stopType": "ABORT"}`); code != "ConflictException" {
		t.Errorf("stopped twice: %s", code)
	}
}

func TestEachOfManyUpdatesAtOnceIsToldOfItsOwnDeployment(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.create(`{"serviceName": "web", "taskDefinition": "bridged", "desiredCount": 0}`)
	var all sync.WaitGroup
	var mu sync.Mutex
	told := map[string]bool{}
	for range 16 {
		all.Go(func() {
			arn := w.update(`{"service": "web", "forceNewDeployment": true}`).CurrentServiceDeployment
			mu.Lock()
			defer mu.Unlock()
			told[arn] = true
		})
	}
	all.Wait()
	if delete(told, ""); len(told) != 16 {
		t.Errorf("16 updates were told of %d deployments", len(told))
	}
}

func TestOnlyADeploymentThatIsUnderWayIsContinued(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	v := w.create(`{"serviceName": "web", "taskDefinition": "bridged", "desiredCount": 0}`)
	pauses := func(arn, hook string) {
		w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error {
			return w.Deployments.Modify(tx, here, got(partOf(here, "service-deployment", arn))(w), func(d *Deployment) error {
				d.Hooks = append(d.Hooks, Hook{ID: hook, Kind: api.DeploymentLifecycleHookTargetTypePause, Status: api.DeploymentLifecycleHookStatusAwaitingAction})
				return nil
			})
		}))
	}
	answer := func(arn, hook string) string {
		return `{"serviceDeploymentArn": "` + arn + `", "hookId": "` + hook + `"}`
	}
	first := v.CurrentServiceDeployment
	pauses(first, "h1")
	w.did("ContinueServiceDeployment", answer(first, "h1"))
	if code, message := w.failed("ContinueServiceDeployment", answer(first, "h1")); code != "InvalidParameterException" || !strings.Contains(message, "SUCCEEDED") {
		t.Errorf("a hook that was answered: %s: %s", code, message)
	}
	pauses(first, "h2")
	w.update(`{"service": "web", "forceNewDeployment": true}`)
	if code, message := w.failed("ContinueServiceDeployment", answer(first, "h2")); code != "InvalidParameterException" || !strings.Contains(message, "STOPPED") {
		t.Errorf("a deployment that was stopped: %s: %s", code, message)
	}
}

func TestTaskSets(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.create(`{"serviceName": "web", "deploymentController": {"type": "EXTERNAL"}, "desiredCount": 3}`)
	of := `"cluster": "default", "service": "web"`
	blue := answered[api.CreateTaskSetResponse](w, "CreateTaskSet", `{`+of+`, "taskDefinition": "web", "externalId": "blue", `+onFargate+`, "tags": [{"key": "a", "value": "b"}]}`).TaskSet
	green := answered[api.CreateTaskSetResponse](w, "CreateTaskSet", `{`+of+`, "taskDefinition": "bridged", "scale": {"value": 50, "unit": "PERCENT"}}`).TaskSet
	if blue.Status != "ACTIVE" || blue.ComputedDesiredCount != 3 || green.ComputedDesiredCount != 2 || green.StabilityStatus != "STABILIZING" || blue.LaunchType != "FARGATE" || len(blue.Tags) != 1 {
		t.Errorf("blue %+v\ngreen %+v", blue, green)
	}
	for _, c := range []struct{ to, status, definition string }{{blue.Id, "PRIMARY", "web:1"}, {green.TaskSetArn, "PRIMARY", "bridged:1"}} {
		set := answered[api.UpdateServicePrimaryTaskSetResponse](w, "UpdateServicePrimaryTaskSet", `{`+of+`, "primaryTaskSet": "`+c.to+`"}`).TaskSet
		service := answered[api.DescribeServicesResponse](w, "DescribeServices", `{"services": ["web"]}`).Services[0]
		if set.Status != c.status || service.TaskDefinition != "arn:aws:ecs:us-east-1:000000000000:task-definition/"+c.definition || len(service.TaskSets) != 2 {
			t.Errorf("%+v %+v", set, service)
		}
	}
	if set := answered[api.UpdateTaskSetResponse](w, "UpdateTaskSet", `{`+of+`, "taskSet": "`+blue.Id+`", "scale": {"value": 0, "unit": "PERCENT"}}`).TaskSet; set.ComputedDesiredCount != 0 || set.Status != "ACTIVE" {
		t.Errorf("%+v", set)
	}
	if code, _ := w.failed("DeleteTaskSet", `{`+of+`, "taskSet": "`+green.Id+`"}`); code != "InvalidParameterException" {
		t.Errorf("deleted above 0: %s", code)
	}
	if _, message := w.failed("DeleteService", `{"service": "web", "force": false}`); message != "The service cannot be stopped while it is scaled above 0." {
		t.Error(message)
	}
	if set := answered[api.DeleteTaskSetResponse](w, "DeleteTaskSet", `{`+of+`, "taskSet": "`+blue.TaskSetArn+`"}`).TaskSet; set.Status != "DRAINING" {
		t.Errorf("%+v", set)
	}
	all := answered[api.DescribeTaskSetsResponse](w, "DescribeTaskSets", `{`+of+`}`)
	some := answered[api.DescribeTaskSetsResponse](w, "DescribeTaskSets", `{`+of+`, "taskSets": ["`+green.Id+`", "ecs-svc/1"]}`)
	if len(all.TaskSets) != 2 || len(some.TaskSets) != 1 || len(some.Failures) != 1 || some.Failures[0].Reason != "MISSING" {
		t.Errorf("%+v %+v", all, some)
	}
	if got := *answered[api.DeleteServiceResponse](w, "DeleteService", `{"service": "web", "force": true}`).Service; got.TaskSets[0].Status != "DRAINING" || got.TaskSets[1].Status != "DRAINING" {
		t.Errorf("%+v", got)
	}
}

func TestADefinitionThatAServiceRefersTo(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.create(`{"serviceName": "web", "taskDefinition": "bridged", "desiredCount": 1}`)
	if !w.Refer(here, ecs.Revision{Family: "bridged", Number: 1}) || w.Refer(here, ecs.Revision{Family: "web", Number: 1}) {
		t.Error("the definitions that services refer to are others")
	}
	w.did("DeleteService", `{"service": "web", "force": true}`)
	w.inactive("web")
	if w.Refer(here, ecs.Revision{Family: "bridged", Number: 1}) {
		t.Error("a service that was deleted refers to its definition")
	}
}
