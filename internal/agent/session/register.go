package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent/retry"
	"github.com/berth-dev/berth/internal/wire/client"
)

// register registers the identity, as what it was before if it was, and keeps its container instance on disk. It tries
// until ctx ends; an error before that is the control plane's refusal for good.
func (s *Session) register(ctx context.Context) error {
	for p := (pacing{}); ; {
		out, err := s.tryRegister(ctx)
		if err == nil {
			return s.registered(ctx, out)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if refusedForGood(err) {
			return fmt.Errorf("register in cluster %s: %w", s.cluster(), err)
		}
		wait := min(p.wait(false, err), 30*time.Second)
		s.Log.Warn("cannot register yet; trying again", "wait", wait, "error", err)
		if !retry.Pause(ctx, wait) {
			return context.Cause(ctx)
		}
	}
}

func (s *Session) tryRegister(ctx context.Context) (*ecs.RegisterContainerInstanceResponse, error) {
	in := &ecs.RegisterContainerInstanceRequest{Cluster: s.cluster(), ContainerInstanceArn: s.instance(),
		Attributes: s.Attributes, TotalResources: s.Resources}
	out, err := client.Call(ctx, s.Client, ecs.RegisterContainerInstance, in)
	if code(err) == ecs.ClusterNotFoundException && s.Cluster == "" {
		// As on AWS: an agent that was given no cluster makes the one by the name of default.
		if _, err := client.Call(ctx, s.Client, ecs.CreateCluster, &ecs.CreateClusterRequest{ClusterName: s.cluster()}); err != nil {
			return nil, err
		}
		return client.Call(ctx, s.Client, ecs.RegisterContainerInstance, in)
	}
	return out, err
}

func (s *Session) registered(ctx context.Context, out *ecs.RegisterContainerInstanceResponse) error {
	if out.ContainerInstance == nil || out.ContainerInstance.ContainerInstanceArn == "" {
		return errors.New("register: the control plane's answer names no container instance")
	}
	s.mu.Lock()
	s.identity.ContainerInstance = out.ContainerInstance.ContainerInstanceArn
	identity := s.identity
	s.mu.Unlock()
	s.Log.Info("registered", "instance", identity.ContainerInstance)
	return s.DB.PutIdentity(ctx, identity)
}

// refusedForGood says that the control plane understood, and that asking again changes nothing.
func refusedForGood(err error) bool {
	switch code(err) {
	case ecs.InvalidParameterException, ecs.ClientException, ecs.ClusterNotFoundException, "UnknownOperationException":
		return true
	}
	return false
}

// code is the code of an error that the control plane answered, or empty.
func code(err error) string {
	var answered *client.Error
	if errors.As(err, &answered) {
		return answered.Code
	}
	return ""
}
