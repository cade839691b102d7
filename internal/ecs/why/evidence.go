package why

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
)

// timeline is a task's life, with how long each step took.
func timeline(t *ecs.Task) []Step {
	steps := []Step{}
	add := func(at time.Time, what string) {
		if !at.IsZero() {
			steps = append(steps, Step{At: at, What: what})
		}
	}
	add(t.CreatedAt, "placed on a machine")
	add(t.ConnectedAt, "the agent's first report")
	add(t.PullStartedAt, "images are being pulled")
	add(t.PullStoppedAt, "the pull has ended")
	add(t.StartedAt, "RUNNING")
	if t.Stop != nil {
		add(t.Stop.At, "ordered to stop: "+t.Stop.Reason)
	}
	add(t.EndingAt, "first sign of its end")
	add(t.ExecutionStoppedAt, "all containers are gone")
	add(t.StoppedAt, "STOPPED")
	slices.SortStableFunc(steps, func(a, b Step) int { return a.At.Compare(b.At) })
	for i := 1; i < len(steps); i++ {
		steps[i].Took = steps[i].At.Sub(steps[i-1].At).Seconds()
	}
	return steps
}

// containers are the task's, with what is known of each.
func containers(c *Case) []Container {
	out := []Container{}
	for i := range c.Task.Containers {
		of := &c.Task.Containers[i]
		one := Container{Name: of.Name, Image: of.Image, Essential: of.Essential, Status: of.Status, ExitCode: of.ExitCode,
			Meaning: meaning(c, of), Reason: of.Reason, Health: of.Health, HealthOutput: of.HealthOutput}
		if log, ok := c.Logs[of.Name]; ok {
			one.Log = &log
		}
		out = append(out, one)
	}
	return out
}

// placedOn says where the task was placed, and which machines have room for its like now.
func placedOn(c *Case) Placement {
	t := c.Task
	where := "container instance " + t.Instance
	if c.Instance == nil {
		where += ", which is gone by now"
	} else if c.Instance.EC2InstanceID != "" {
		where += " (" + c.Instance.EC2InstanceID + ")"
	}
	p := Placement{Text: fmt.Sprintf("placed on %s in %s, which had room for %s; whether it would have room now:", where, t.Zone, demand(t.Demand)), Machines: []Machine{}}
	for _, v := range c.Verdicts {
		p.Machines = append(p.Machines, machine(v))
	}
	return p
}

func machine(v placement.Verdict) Machine {
	text := v.Sentence()
	if v.Lack > 0 {
		lack := fmt.Sprint(v.Lack)
		if v.Obstacle == placement.Memory {
			lack = mib(v.Lack)
		}
		text += ", " + lack + " too few"
	}
	if v.Detail != "" {
		text += ": " + v.Detail
	}
	return Machine{Instance: v.Instance, Fits: v.Obstacle == placement.None, Obstacle: v.Obstacle, Text: text}
}

// mib is an amount of memory.
func mib(n int64) string { return fmt.Sprintf("%d MiB", n) }

// demand is what a task needs, in words.
func demand(d placement.Demand) string {
	var parts []string
	if d.CPU > 0 {
		parts = append(parts, fmt.Sprintf("%d CPU units", d.CPU))
	}
	if d.Memory > 0 {
		parts = append(parts, fmt.Sprintf("%d MiB of memory", d.Memory))
	}
	if d.GPUs == placement.AllGPUs {
		parts = append(parts, "all its GPUs")
	} else if d.GPUs > 0 {
		parts = append(parts, fmt.Sprintf("GPUs: %d", d.GPUs))
	}
	if len(d.Ports) > 0 {
		var ports []string
		for _, p := range d.Ports {
			ports = append(ports, p.String())
		}
		parts = append(parts, "the host's ports "+strings.Join(ports, ", "))
	}
	if d.ENIs > 0 {
		parts = append(parts, "a network interface")
	}
	return cmp.Or(strings.Join(parts, ", "), "nothing of its own")
}
