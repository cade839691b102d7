package docker

import (
	"context"
	"errors"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// markName is a variable in the environment of what Exec starts: Docker kills no such process, and by the mark it is found.
const markName = "BERTH_EXEC"

// marks is what the marks of all that the instance's agents started begin with.
func (e *Engine) marks() string { return markName + "=" + e.config.Instance + "-" }

// endLeft kills what Exec of an earlier agent left running.
func (t *task) endLeft(ctx context.Context) error {
	for _, b := range t.boxes {
		if b.seen.State != engine.Running {
			continue
		}
		c, err := t.inspect(ctx, b.record.ID)
		if errors.Is(err, engine.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for _, exec := range c.ExecIDs {
			left := client.ExecInspectResult{}
			err := t.ask(ctx, askTime, "look at a command", func(ctx context.Context) (err error) {
				left, err = t.api.ExecInspect(ctx, exec, client.ExecInspectOptions{})
				return err
			})
			if err != nil && !errors.Is(err, engine.ErrNotFound) {
				return err
			}
			if left.Running {
				if err := b.killMarked(ctx, t.marks()); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// killMarked kills the processes in a container that have one of the marks: from a container beside it, since Docker has no
// way of its own and the container may have no program for it.
func (b *box) killMarked(ctx context.Context, mark string) error {
	image, err := b.pause.ready(ctx, b.Engine)
	if err != nil {
		return err
	}
	labels := b.labels(b.id, b.record.Name, roleKiller)
	var killer string
	err = b.ask(ctx, makeTime, "kill a command", func(ctx context.Context) error {
		made, err := b.api.ContainerCreate(ctx, client.ContainerCreateOptions{
			Config: &container.Config{Image: image, Cmd: []string{"kill", mark}, Labels: labels, Healthcheck: noHealthcheck()},
			HostConfig: &container.HostConfig{PidMode: container.PidMode("container:" + b.record.ID), NetworkMode: "none",
				CapDrop: []string{"ALL"}, CapAdd: []string{"KILL", "SYS_PTRACE", "DAC_READ_SEARCH"}, LogConfig: container.LogConfig{Type: "none"}},
		})
		if killer = made.ID; err != nil {
			return err
		}
		wait := b.api.ContainerWait(ctx, killer, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
		if _, err := b.api.ContainerStart(ctx, killer, client.ContainerStartOptions{}); err != nil {
			return err
		}
		select {
		case <-wait.Result:
			return nil
		case err := <-wait.Error:
			return err
		}
	})
	if killer != "" {
		_, _ = b.api.ContainerRemove(ctx, killer, client.ContainerRemoveOptions{Force: true})
	}
	if errors.Is(err, engine.ErrNotFound) || err != nil && strings.Contains(err.Error(), "is not running") {
		return nil // the container has ended, and all in it
	}
	return err
}
