package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent"
	"github.com/berth-dev/berth/internal/agent/logdriver/jsonfile"
	"github.com/berth-dev/berth/internal/operator"
)

// outputAtOnce is how many lines an answer has.
const outputAtOnce = 1000

// Output is what a container of this machine printed that logs into files.
func (m *machine) Output(_ context.Context, q operator.OutputQuery) (operator.Output, error) {
	files := agent.Files(m.in.Path("agent"))
	read := func() ([]jsonfile.Line, jsonfile.Cursor, error) {
		if q.Last > 0 {
			lines, err := files.Last(q.Task, q.Container, q.Last)
			return lines, jsonfile.Cursor{}, err
		}
		return files.Read(q.Task, q.Container, jsonfile.Cursor(q.From), outputAtOnce)
	}
	lines, next, err := read()
	out := operator.Output{Lines: make([]operator.OutputLine, len(lines)), Next: operator.OutputCursor(next)}
	for i, l := range lines {
		out.Lines[i] = operator.OutputLine(l)
	}
	return out, err
}

// newLines reads the lines of a container's files that were not read yet.
func (t *target) newLines(ctx context.Context, s *stream) (events []event, err error) {
	for {
		out, err := t.operator.Output(ctx, operator.OutputQuery{Task: s.file, Container: s.container, From: s.place})
		if err != nil || len(out.Lines) == 0 {
			return events, err
		}
		for _, l := range out.Lines {
			events = append(events, event{l.Time, s.task, s.container, l.Text})
		}
		s.place = out.Next
	}
}

// addressOptions are where drivers send to, by driver.
var addressOptions = map[ecs.LogDriver]string{
	ecs.LogDriverSyslog: "syslog-address", ecs.LogDriverFluentd: "fluentd-address", ecs.LogDriverGelf: "gelf-address", ecs.LogDriverSplunk: "splunk-url",
}

// elsewhere says where a container logs that can't be read here.
func elsewhere(d *ecs.TaskDefinition, task *ecs.Task, c *ecs.ContainerDefinition) string {
	l := c.LogConfiguration
	switch l.LogDriver {
	case ecs.LogDriverJournald:
		name := fmt.Sprintf("ecs-%s-%d-%s-%s", d.Family, d.Revision, c.Name, afterSlash(task.TaskArn)[:20])
		return fmt.Sprintf("container %s logs to its machine's journal: journalctl CONTAINER_NAME=%s", c.Name, name)
	case ecs.LogDriverAwsfirelens:
		for _, router := range d.ContainerDefinitions {
			if router.FirelensConfiguration == nil {
				continue
			}
			output := strings.TrimSpace(l.Options["Name"] + " " + l.Options["@type"])
			if output == "" {
				output = "what its own configuration says"
			}
			return fmt.Sprintf("container %s logs to the FireLens router %s, which sends it to %s", c.Name, router.Name, output)
		}
	}
	if at := l.Options[addressOptions[l.LogDriver]]; at != "" {
		return fmt.Sprintf("container %s logs by %s to %s", c.Name, l.LogDriver, at)
	}
	return fmt.Sprintf("container %s logs by %s", c.Name, l.LogDriver)
}
