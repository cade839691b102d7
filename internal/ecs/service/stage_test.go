package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// stage is a control plane in virtual time: the ECS service and its scheduler over the memory store, with machines whose
// agents do what they are told. Its leader can be replaced at any moment.
type stage struct {
	t       *testing.T
	ctx     context.Context
	backend *counting
	now     atomic.Pointer[server]
	over    sync.WaitGroup

	mu        sync.Mutex
	machines  []string                  // ids of container instances
	stores    []*store.DB               // of all servers: one that has lost the lead still answers
	behave    func(*ecs.Task) behaviour // of the tasks of a revision
	reporting map[string]bool           // tasks whose life is being played
	live      map[string]bool           // tasks that were seen: whether they count towards the maximum still
	counted   int                       // how many do
	most      int                       // of them at a time
	cpu       int32                     // of each machine
	ports     int32                     // of machines that tasks were given
	ahead     atomic.Int64              // of the time: the wall clock that the scheduler sees
}

// server is one run of the control plane.
type server struct {
	*Scheduler
	db   *store.DB
	stop context.CancelFunc
}

// behaviour is what a task does on its machine.
type behaviour struct {
	fails bool          // it does not start
	dies  time.Duration // after it has been RUNNING for so long; 0: it does not
}

// counting is a backend that tells of its commits.
type counting struct {
	store.Backend
	commits atomic.Int64
	largest atomic.Int64 // the most rows that one wrote
	after   func(commit int64)
}

func (c *counting) Commit(ctx context.Context, batch store.Batch) (store.Outcome, error) {
	out, err := c.Backend.Commit(ctx, batch)
	rows := 0
	for _, m := range batch.Mutations {
		rows += len(m.Writes)
	}
	for was := c.largest.Load(); int64(rows) > was && !c.largest.CompareAndSwap(was, int64(rows)); was = c.largest.Load() {
	}
	if n := c.commits.Add(1); c.after != nil {
		c.after(n)
	}
	return out, err
}

// onStage runs a test in virtual time.
func onStage(t *testing.T, machines int, test func(s *stage)) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, backend: &counting{Backend: store.NewMemory(store.MemoryConfig{})}, reporting: map[string]bool{}, live: map[string]bool{},
			ctx: wire.WithCaller(context.Background(), wire.Caller{Account: here.Account, Region: here.Region, Kind: wire.User, ARN: "arn:aws:iam::000000000000:root"}),
			cpu: 64 << 10, behave: func(*ecs.Task) behaviour { return behaviour{} }}
		s.lead()
		synctest.Wait() // it leads now: the next one takes the lead from it, not it from the next one
		defer func() {
			s.now.Load().stop()
			s.over.Wait()
			for _, db := range s.stores {
				db.Close()
			}
		}()
		s.must(s.at().ecs.CreateCluster(s.ctx, &api.CreateClusterRequest{ClusterName: "default"}))
		for range machines {
			s.machine()
		}
		s.define("one", "")
		s.define("two", "")
		test(s)
	})
}

func (s *stage) at() *Scheduler { return s.now.Load().Scheduler }

// lead lets another server take the lead, while the one before goes on until it notices.
func (s *stage) lead() {
	db := store.New(s.backend, store.Config{})
	balancer := newBalancer(s.t, db)
	tasks := ecs.New(db, subnets{}, ecs.Config{Balancing: balancer})
	next := &server{Scheduler: New(db, tasks, balancer, Config{}), db: db}
	next.wall = func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
	s.must(0, db.Start(context.Background()))
	ctx, cancel := context.WithCancel(context.Background())
	next.stop = cancel
	before := s.now.Swap(next)
	s.mu.Lock()
	machines := slices.Clone(s.machines)
	s.stores = append(s.stores, db)
	s.mu.Unlock()
	for _, id := range machines {
		s.must(0, tasks.AgentConnected(s.ctx, here, id, "session", ecs.Agent{}))
	}
	s.over.Go(func() {
		_ = tasks.Run(ctx, next.Run)
	})
	s.over.Go(func() { s.play(ctx, tasks) })
	if before != nil {
		s.over.Go(func() { before.stop() })
	}
}

// machine adds a container instance whose agent is connected.
func (s *stage) machine() string {
	s.t.Helper()
	r := &api.RegisterContainerInstanceRequest{TotalResources: []api.Resource{
		{Name: "CPU", Type: "INTEGER", IntegerValue: s.cpu}, {Name: "MEMORY", Type: "INTEGER", IntegerValue: 1 << 20},
		{Name: "PORTS", Type: "STRINGSET", StringSetValue: []string{}}, {Name: "PORTS_UDP", Type: "STRINGSET", StringSetValue: []string{}}}}
	for _, name := range []string{"com.amazonaws.ecs.capability.docker-remote-api.1.18", "com.amazonaws.ecs.capability.docker-remote-api.1.24", "ecs.capability.container-health-check"} {
		r.Attributes = append(r.Attributes, api.Attribute{Name: name})
	}
	out, err := s.at().ecs.RegisterContainerInstance(s.ctx, r)
	s.must(0, err)
	arn := out.ContainerInstance.ContainerInstanceArn
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	s.must(0, s.at().ecs.AgentConnected(s.ctx, here, id, "session", ecs.Agent{}))
	s.mu.Lock()
	s.machines = append(s.machines, id)
	s.mu.Unlock()
	return id
}

// must fails the test on an error.
func (s *stage) must(_ any, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// define registers a task definition of one container; check is the command of its health check.
func (s *stage) define(family, check string) {
	s.t.Helper()
	c := api.ContainerDefinition{Name: "app", Image: family, Memory: new(int32(64)), Cpu: 64, Essential: new(true), PortMappings: []api.PortMapping{{ContainerPort: new(int32(80))}}}
	if check != "" {
		c.HealthCheck = &api.HealthCheck{Command: []string{"CMD", check}}
	}
	s.must(s.at().ecs.RegisterTaskDefinition(s.ctx, &api.RegisterTaskDefinitionRequest{Family: family, ContainerDefinitions: []api.ContainerDefinition{c}}))
}

// play is the agents of all machines: it plays the life of each task.
func (s *stage) play(ctx context.Context, tasks *ecs.Service) {
	present, events := tasks.Tasks.Watch(ctx)
	var seen []*ecs.Task
	for _, row := range present {
		s.follow(row.Value)
		seen = append(seen, row.Value)
	}
	s.count(seen...)
	for e := range events {
		if e.New != nil {
			s.follow(e.New.Value)
			s.count(e.New.Value)
		}
	}
}

// count counts the tasks that count towards the maximum, as of a moment at which all those given are seen. Two servers watch
// when the lead changes, and the one that is behind brings no task back.
func (s *stage) count(tasks ...*ecs.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range tasks {
		counted, seen := s.live[t.ID]
		counts := t.Status.Before(ecs.Deactivating) && (counted || !seen)
		if s.live[t.ID] = counts; counts && !counted {
			s.counted++
		} else if counted && !counts {
			s.counted--
		}
	}
	s.most = max(s.most, s.counted)
}

func (s *stage) follow(t *ecs.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := t.ID + string(t.Status)
	if t.Stop != nil {
		step = t.ID + "stop"
	}
	if s.reporting[step] {
		return
	}
	s.reporting[step] = true
	does := s.behave(t)
	switch {
	case t.Stop != nil && t.Status.Live():
		s.report(t, 100*time.Millisecond, ecs.TaskReport{Status: ecs.Stopped})
	case t.Status == ecs.Pending && does.fails:
		s.report(t, 300*time.Millisecond, ecs.TaskReport{Status: ecs.Stopped, Containers: []api.ContainerStateChange{{ContainerName: "app", Status: "STOPPED", Reason: "CannotPullContainerError: no such image"}}})
	case t.Status == ecs.Pending:
		s.ports++
		s.report(t, 300*time.Millisecond, ecs.TaskReport{Status: ecs.Running, Containers: []api.ContainerStateChange{{ContainerName: "app", Status: "RUNNING", RuntimeId: t.ID, ImageDigest: "sha256:1",
			NetworkBindings: []api.NetworkBinding{{ContainerPort: new(int32(80)), HostPort: new(32768 + s.ports), Protocol: "tcp", BindIP: "0.0.0.0"}}}}})
	case t.Status == ecs.Running && does.dies > 0:
		s.report(t, does.dies, ecs.TaskReport{Status: ecs.Stopped, Containers: []api.ContainerStateChange{{ContainerName: "app", Status: "STOPPED", ExitCode: new(int32(1))}}})
	}
}

// report sends a report after a while, again until whoever leads has taken it.
func (s *stage) report(t *ecs.Task, after time.Duration, r ecs.TaskReport) {
	time.AfterFunc(after, func() {
		if err := s.at().ecs.ApplyTaskReport(s.ctx, here, t.ID, r); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.report(t, after, r)
		}
	})
}

// create makes the service web.
func (s *stage) create(r api.CreateServiceRequest) {
	s.t.Helper()
	r.ServiceName, r.TaskDefinition = "web", "one"
	s.must(s.at().CreateService(s.ctx, &r))
}

func (s *stage) update(r api.UpdateServiceRequest) {
	s.t.Helper()
	r.Service = "web"
	s.must(s.at().UpdateService(s.ctx, &r))
}

// web is the service, as the API shows it.
func (s *stage) web() api.Service {
	out, err := s.at().DescribeServices(s.ctx, &api.DescribeServicesRequest{Services: []string{"web"}})
	if err != nil || len(out.Services) != 1 {
		return api.Service{}
	}
	return out.Services[0]
}

// last is the newest deployment of the service, whole.
func (s *stage) last() api.ServiceDeployment {
	s.t.Helper()
	list, err := s.at().ListServiceDeployments(s.ctx, &api.ListServiceDeploymentsRequest{Service: "web"})
	s.must(list, err)
	out, err := s.at().DescribeServiceDeployments(s.ctx, &api.DescribeServiceDeploymentsRequest{ServiceDeploymentArns: []string{list.ServiceDeployments[0].ServiceDeploymentArn}})
	s.must(out, err)
	return out.ServiceDeployments[0]
}

// stable is what the waiter services-stable asks, of a deployment that is complete.
func (s *stage) stable() bool {
	w := s.web()
	return w.Status == Active && len(w.Deployments) == 1 && w.RunningCount == w.DesiredCount && w.Deployments[0].RolloutState == api.DeploymentRolloutStateCompleted &&
		len(w.Events) > 0 && strings.HasSuffix(w.Events[0].Message, "has reached a steady state.")
}

// until waits for a condition, an hour at most.
func (s *stage) until(what string, ok func() bool) {
	s.t.Helper()
	for range 36000 {
		synctest.Wait()
		if ok() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w := s.web()
	s.t.Fatalf("not so after an hour: %s\n%+v\n%s\ntasks %s", what, w.Deployments, s.events(), s.list())
}

// events are the texts of the service's events, the first one first.
func (s *stage) events() (out string) {
	for _, e := range slices.Backward(s.web().Events) {
		out += e.Message + "\n"
	}
	return out
}

// tasks are those of the service that have not stopped.
func (s *stage) tasks() (out []*ecs.Task) {
	for row := range s.at().ecs.Tasks.Find(here, ecs.TasksByService, "default/web") {
		out = append(out, row.Value)
	}
	return out
}

// running is how many tasks of a family are RUNNING.
func (s *stage) running(family string) (n int) {
	for _, t := range s.tasks() {
		if t.Definition.Family == family && t.Status == ecs.Running {
			n++
		}
	}
	return n
}

func (s *stage) list() (out string) {
	for _, t := range s.tasks() {
		out += fmt.Sprintf("\n\t%s %s %s on %s, stop %+v", t.ID, t.Definition, t.Status, t.Instance, t.Stop)
	}
	return out
}

// healthSays has the checks of a task's container find something.
func (s *stage) healthSays(t *ecs.Task, h api.HealthStatus) {
	s.must(0, s.at().ecs.ApplyHealth(s.ctx, here, t.ID, map[string]ecs.HealthReport{"app": {Status: h}}))
}
