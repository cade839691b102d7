package ecs

import (
	"strconv"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

// Revision names one revision of a task definition.
type Revision struct {
	Family string `json:"family"`
	Number int    `json:"number"`
}

// String is "family:revision".
func (r Revision) String() string { return r.Family + ":" + strconv.Itoa(r.Number) }

// Key is the revision's id in the store. It sorts as families and revisions do: no family has a character before the comma.
func (r Revision) Key() string {
	n := strconv.Itoa(r.Number)
	return r.Family + "," + strings.Repeat("0", max(0, 7-len(n))) + n
}

// TaskDefinition is the record of one revision, by [Revision.Key]. But for its status and tags it never changes.
type TaskDefinition struct {
	// Definition is what DescribeTaskDefinition answers.
	Definition api.TaskDefinition `json:"definition"`
	Tags       []api.Tag          `json:"tags,omitzero"`
}

// Revision names the record.
func (d *TaskDefinition) Revision() Revision {
	return Revision{Family: d.Definition.Family, Number: int(d.Definition.Revision)}
}

// Container returns the definition of a container.
func (d *TaskDefinition) Container(name string) (*api.ContainerDefinition, bool) {
	for i := range d.Definition.ContainerDefinitions {
		if c := &d.Definition.ContainerDefinitions[i]; c.Name == name {
			return c, true
		}
	}
	return nil, false
}

// Family is the record of a family, by name. It outlives its revisions, for numbers are never used again.
type Family struct {
	Last int `json:"last"` // number of the newest revision, whatever became of it
}
