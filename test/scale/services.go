package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/sim"
	"github.com/berth-dev/berth/internal/wire/client"
)

// services is what was found of services, on a small fleet whose own beats cost little.
type services struct {
	Instances int `json:"instances"`
	Idle      int `json:"idle"` // services of one task each, all steady
	// Of one processor, of the control plane, over a while in which nobody asks for anything.
	WithoutShare float64 `json:"processorShareWithout"`
	WithShare    float64 `json:"processorShareWith"`
	// One large service, from CreateService, UpdateService and DeleteService until DescribeServices says that it is done.
	Tasks         int     `json:"tasks"`
	FillSeconds   float64 `json:"fillSeconds"`
	RollSeconds   float64 `json:"rollSeconds"`
	RemoveSeconds float64 `json:"removeSeconds"`
}

const (
	serviceInstances = 100
	largeService     = 5000 // tasks: what ECS allows a service
	quiet            = 20 * time.Second
	// healthyAfter is when a task that nothing checks is taken for healthy: soon, so that what is measured is the scheduler.
	healthyAfter = time.Second
)

// measureServices measures what idle services cost, and how long a service of five thousand tasks takes.
func measureServices(ctx context.Context, o options) (*services, error) {
	dir, err := os.MkdirTemp("", "berth-scale-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	p, err := startPlane(dir, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer p.kill()
	if err := prepare(ctx, p.client); err != nil {
		return nil, err
	}
	fleet := sim.New(sim.Config{Endpoint: p.endpoint, Region: region, Credentials: p.client.Credentials, Cluster: cluster, CPU: 64 << 10, Memory: 256 << 10, Telemetry: o.telemetry})
	defer fleet.Close()
	if _, err := fleet.Add(ctx, serviceInstances); err != nil {
		return nil, err
	}
	s := &services{Instances: serviceInstances, Idle: o.services, Tasks: largeService}
	for _, step := range []func(context.Context, *plane) error{s.idle, s.fill, s.roll, s.remove} {
		if err := step(ctx, p); err != nil {
			return nil, fmt.Errorf("services: %w", err)
		}
	}
	return s, nil
}

// idle compares a control plane with and without services that have nothing to do.
func (s *services) idle(ctx context.Context, p *plane) (err error) {
	if s.WithoutShare, err = share(ctx, p); err != nil {
		return err
	}
	var names []string
	for i := range s.Idle {
		names = append(names, fmt.Sprintf("idle-%d", i))
		if err := create(ctx, p, names[i], 1); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(names, 10) {
		if err := steady(ctx, p, 1, part...); err != nil {
			return err
		}
	}
	if s.WithShare, err = share(ctx, p); err != nil {
		return err
	}
	say("%d idle services: %.2f %% of a processor, %.2f %% without them", s.Idle, 100*s.WithShare, 100*s.WithoutShare)
	return nil
}

// share is how much of a processor the control plane takes while nobody asks for anything.
func share(ctx context.Context, p *plane) (float64, error) {
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := wait(2 * time.Second); err != nil {
		return 0, err
	}
	before := processor(p.cmd.Process.Pid)
	if err := wait(quiet); err != nil {
		return 0, err
	}
	return (processor(p.cmd.Process.Pid) - before).Seconds() / quiet.Seconds(), nil
}

const large = "large"

func (s *services) fill(ctx context.Context, p *plane) error {
	began := time.Now()
	if err := create(ctx, p, large, largeService); err != nil {
		return err
	}
	if err := steady(ctx, p, largeService, large); err != nil {
		return err
	}
	s.FillSeconds = time.Since(began).Seconds()
	say("a service of %d tasks is steady after %.1f s", largeService, s.FillSeconds)
	return nil
}

func (s *services) roll(ctx context.Context, p *plane) error {
	began := time.Now()
	_, err := client.Call(ctx, p.client, ecs.UpdateService, &ecs.UpdateServiceRequest{Cluster: cluster, Service: large, ForceNewDeployment: true})
	if err != nil {
		return err
	}
	if err := steady(ctx, p, largeService, large); err != nil {
		return err
	}
	s.RollSeconds = time.Since(began).Seconds()
	say("its %d tasks are replaced after %.1f s", largeService, s.RollSeconds)
	return nil
}

func (s *services) remove(ctx context.Context, p *plane) error {
	began := time.Now()
	_, err := client.Call(ctx, p.client, ecs.DeleteService, &ecs.DeleteServiceRequest{Cluster: cluster, Service: large, Force: new(true)})
	if err != nil {
		return err
	}
	err = until(ctx, func() (bool, error) {
		out, err := client.Call(ctx, p.client, ecs.DescribeServices, &ecs.DescribeServicesRequest{Cluster: cluster, Services: []string{large}})
		return err == nil && out.Services[0].Status == "INACTIVE", err
	})
	s.RemoveSeconds = time.Since(began).Seconds()
	return err
}

func create(ctx context.Context, p *plane, name string, tasks int32) error {
	_, err := client.Call(ctx, p.client, ecs.CreateService, &ecs.CreateServiceRequest{Cluster: cluster, ServiceName: name, TaskDefinition: family, DesiredCount: &tasks})
	return err
}

// steady waits until services have one deployment each, which is done, and all their tasks.
func steady(ctx context.Context, p *plane, tasks int32, names ...string) error {
	return until(ctx, func() (bool, error) {
		out, err := client.Call(ctx, p.client, ecs.DescribeServices, &ecs.DescribeServicesRequest{Cluster: cluster, Services: names})
		if err != nil {
			return false, err
		}
		return !slices.ContainsFunc(out.Services, func(s ecs.Service) bool {
			return len(s.Deployments) != 1 || s.Deployments[0].RolloutState != ecs.DeploymentRolloutStateCompleted || s.RunningCount != tasks
		}), nil
	})
}

// until asks, every tenth of a second and for a few minutes at most, until something is so.
func until(ctx context.Context, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		if done, err := so(); done || err != nil {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
