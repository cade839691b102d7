package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/progress"
	"github.com/berth-dev/berth/internal/wire/client"
)

// view is a task as `berth run` and `berth ps` show it.
type view struct {
	Task       string            `json:"task"`
	ARN        string            `json:"taskArn"`
	Definition string            `json:"taskDefinition"` // family:revision
	Status     string            `json:"lastStatus"`
	Containers map[string]string `json:"containers"`           // name to status, with the exit code of a stopped one
	Address    string            `json:"address,omitzero"`     // inside its VPC
	Host       string            `json:"hostAddress,omitzero"` // by which this machine reaches it
	URLs       []string          `json:"urls"`
	Created    time.Time         `json:"createdAt,omitzero"`
	Stopped    string            `json:"stopped,omitzero"` // why
	Pulls      []operator.Pull   `json:"pulls,omitzero"`   // of the images that it waits for
	text       string
}

// views looks up what the tasks' answers leave out: the addresses by which this machine reaches them, and their ports.
func (t *target) views(ctx context.Context, tasks []ecs.Task) ([]view, error) {
	public, err := t.publicAddresses(ctx, tasks)
	if err != nil {
		return nil, err
	}
	definitions := definitions{}
	views := make([]view, 0, len(tasks))
	for _, task := range tasks {
		v := view{
			Task: shortID(task.TaskArn), ARN: task.TaskArn, Definition: afterSlash(task.TaskDefinitionArn), Status: task.LastStatus,
			Containers: map[string]string{}, URLs: []string{}, Created: task.CreatedAt.Time,
		}
		var texts []string
		for _, c := range task.Containers {
			text := c.LastStatus
			if c.ExitCode != nil {
				text = fmt.Sprintf("%s (%d)", text, *c.ExitCode)
			}
			v.Containers[c.Name] = text
			texts = append(texts, c.Name+" "+text)
		}
		v.text = strings.Join(texts, ", ")
		if task.LastStatus == "STOPPED" {
			v.Stopped = stopText(&task)
		}
		eni := interfaceOf(&task)
		v.Address, v.Host = eni["privateIPv4Address"], public[eni["networkInterfaceId"]]
		if task.LastStatus == "RUNNING" {
			definition, err := definitions.of(ctx, t, &task)
			if err != nil {
				return nil, err
			}
			v.URLs = urls(definition, v.Host)
		}
		views = append(views, v)
	}
	return views, nil
}

// definitions are the task definitions looked up so far, by ARN.
type definitions map[string]*ecs.TaskDefinition

func (d definitions) of(ctx context.Context, t *target, task *ecs.Task) (*ecs.TaskDefinition, error) {
	arn := task.TaskDefinitionArn
	if d[arn] == nil {
		answer, err := client.Call(ctx, t.client, ecs.DescribeTaskDefinition, &ecs.DescribeTaskDefinitionRequest{TaskDefinition: arn})
		if err != nil {
			return nil, err
		}
		d[arn] = answer.TaskDefinition
	}
	return d[arn], nil
}

// publicAddresses maps the tasks' network interfaces to their public addresses, which this machine reaches.
func (t *target) publicAddresses(ctx context.Context, tasks []ecs.Task) (map[string]string, error) {
	var ids []string
	for _, task := range tasks {
		if id := interfaceOf(&task)["networkInterfaceId"]; id != "" && task.LastStatus == "RUNNING" {
			ids = append(ids, id)
		}
	}
	addresses := map[string]string{}
	if len(ids) == 0 {
		return addresses, nil
	}
	answer, err := client.Call(ctx, t.client, ec2.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesRequest{
		Filters: []ec2.Filter{{Name: "network-interface-id", Values: ids}},
	})
	if err != nil {
		return nil, err
	}
	for _, n := range answer.NetworkInterfaces {
		if n.Association != nil {
			addresses[n.NetworkInterfaceId] = n.Association.PublicIp
		}
	}
	return addresses, nil
}

// interfaceOf returns the details of the task's network interface.
func interfaceOf(task *ecs.Task) map[string]string {
	for _, a := range task.Attachments {
		if a.Type != "ElasticNetworkInterface" {
			continue
		}
		details := map[string]string{}
		for _, d := range a.Details {
			details[d.Name] = d.Value
		}
		return details
	}
	return nil
}

// urls are the addresses of the definition's TCP ports: at the task's own address, or at this machine's for the host's network.
func urls(definition *ecs.TaskDefinition, host string) []string {
	urls := []string{}
	if definition.NetworkMode == ecs.NetworkModeHost {
		host = "127.0.0.1"
	}
	if host == "" {
		return urls
	}
	for _, c := range definition.ContainerDefinitions {
		for _, p := range c.PortMappings {
			if p.ContainerPort != nil && p.Protocol != ecs.TransportProtocolUdp {
				urls = append(urls, fmt.Sprintf("http://%s:%d", host, *p.ContainerPort))
			}
		}
	}
	return urls
}

func viewTable(views []view) table {
	t := table{header: []string{"TASK", "DEFINITION", "STATUS", "AGE", "CONTAINERS", "ADDRESS OR REASON"}}
	for _, v := range views {
		var pulls []string
		for _, pull := range v.Pulls {
			pulls = append(pulls, pullText(pull))
		}
		address := cmp.Or(v.Stopped, strings.Join(pulls, ", "), strings.Join(v.URLs, " "), v.Host, v.Address, "-")
		t.rows = append(t.rows, []string{v.Task, v.Definition, v.Status, ageText(v.Created, time.Now()), v.text, address})
	}
	return t
}

// stopText is why a task stopped: its own reason, and its containers'. Reasons hold what images and registries say: on a
// terminal they stay text.
func stopText(task *ecs.Task) string {
	parts := []string{task.StoppedReason}
	for _, c := range task.Containers {
		switch {
		case c.Reason != "" && strings.Contains(task.StoppedReason, c.Reason): // it is the task's
		case c.Reason != "":
			parts = append(parts, c.Name+": "+c.Reason)
		case c.ExitCode != nil && *c.ExitCode != 0:
			parts = append(parts, fmt.Sprintf("%s: exit code %d", c.Name, *c.ExitCode))
		}
	}
	return progress.Plain(strings.Join(parts, "; "))
}

// shortID is the part of a task's id that people type.
func shortID(arn string) string {
	id := afterSlash(arn)
	return id[:min(12, len(id))]
}

func shortIDs(arns []string) []string {
	var ids []string
	for _, arn := range arns {
		ids = append(ids, shortID(arn))
	}
	return ids
}

func afterSlash(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
