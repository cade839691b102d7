package docker

import (
	"context"
	"regexp"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// The labels of what Berth makes in Docker, beside those that ECS gives containers.
const (
	labelInstance  = "dev.berth.instance"  // the data directory's id
	labelTask      = "dev.berth.task"      // the task's id
	labelContainer = "dev.berth.container" // the name in the task definition; of a pause container whose namespaces it keeps
	labelRole      = "dev.berth.role"      // rolePause, roleKiller, roleBalancer; none: a container of the task definition
	labelDigest    = "dev.berth.image"     // the digest of a container's image
	labelNet       = "dev.berth.network"   // of a pause container: the network interface that the task was given
	labelVPC       = "dev.berth.vpc"       // of a network
)

// ownLabels is what those begin with. No definition's label may: by it a container would be another task's or instance's, or
// nobody's, and be stopped, reported and removed as such.
const ownLabels = "dev.berth."

const (
	rolePause  = "pause"
	roleKiller = "killer"
)

var idPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// labels are those of something of a task.
func (e *Engine) labels(task, container, role string) map[string]string {
	l := map[string]string{labelInstance: e.config.Instance, labelTask: task, labelContainer: container}
	if role != "" {
		l[labelRole] = role
	}
	return l
}

// list returns the containers of a task, or of all when it is empty, pause containers included.
func (e *Engine) list(ctx context.Context, task string) (found []container.Summary, err error) {
	filters := client.Filters{}.Add("label", labelInstance+"="+e.config.Instance)
	if task != "" {
		filters = filters.Add("label", labelTask+"="+task)
	}
	err = e.ask(ctx, askTime, "list containers", func(ctx context.Context) error {
		answer, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
		for _, c := range answer.Items {
			if idPattern.MatchString(c.Labels[labelTask]) {
				found = append(found, c)
			}
		}
		return err
	})
	return found, err
}
