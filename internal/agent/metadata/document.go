package metadata

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/internal/agent/stats"
)

// Associated is a device that containers of the task have.
type Associated struct {
	Type, Name string
	Containers []string // their names
	Content    string   // JSON; empty when there is nothing to say of it
}

// documents are what is answered below /v3/<id> and /v4/<id>, in the words of the ECS agent.
type documents struct {
	*Server
	task    Task
	version string // "V3" or "V4"
}

// missing is the status for an id that no container of the task has.
func (d documents) missing(of string) int {
	if d.version == "V3" && of == "stats" {
		return http.StatusBadRequest
	}
	return http.StatusNotFound
}

func (d documents) answer(w http.ResponseWriter, r *http.Request, id, what string) {
	task := d.task.Describe()
	c := task.container(id)
	noContainer := ": unable to get docker ID from v3 endpoint ID: " + id
	noTask := ": unable to get task arn from request: unable to get task Arn from v3 endpoint ID: " + id
	kind, rest, _ := strings.Cut(what, "/")
	switch {
	case what == "" && c == nil:
		answer(w, d.missing(what), d.version+" container metadata handler: unable to get container ID from request"+noContainer)
	case what == "":
		answer(w, http.StatusOK, d.shaped(*c))
	case (what == "task" || what == "taskWithTags") && c == nil:
		answer(w, d.missing(what), d.version+" task metadata handler"+noTask)
	case what == "task":
		answer(w, http.StatusOK, d.whole(task))
	case what == "taskWithTags":
		answer(w, http.StatusOK, d.whole(d.withTags(r.Context(), d.task, task)))
	case what == "stats" && c == nil:
		answer(w, d.missing("stats"), d.version+" container stats handler"+noTask)
	case what == "stats":
		d.answerStats(d.task, w, r, *c, d.version == "V4")
	case what == "task/stats" && c == nil:
		answer(w, d.missing("stats"), d.version+" task stats handler"+noTask)
	case what == "task/stats":
		d.answerTaskStats(d.task, w, r, task, d.version == "V4")
	case kind == "associations" && rest != "" && c == nil:
		answer(w, http.StatusBadRequest, d.version+" container associations handler: unable to get container id from request"+noContainer)
	case kind == "associations" && rest != "":
		d.answerAssociations(w, *c, rest)
	default:
		http.NotFound(w, r)
	}
}

func (d documents) shaped(c Container) Container {
	if d.version == "V3" {
		return c.older()
	}
	return c
}

func (d documents) whole(task Description) Description {
	if d.version == "V3" {
		return task.older()
	}
	return task
}

// answerAssociations answers associations/<type> and associations/<type>/<name>.
func (d documents) answerAssociations(w http.ResponseWriter, c Container, which string) {
	kind, name, one := strings.Cut(which, "/")
	names := []string{}
	for _, a := range d.task.Associated {
		for _, has := range a.Containers {
			if a.Type != kind || has != c.Name {
				continue
			}
			if names = append(names, a.Name); one && a.Name == name && a.Content != "" {
				answer(w, http.StatusOK, jsontext.Value(a.Content))
				return
			}
		}
	}
	if one {
		answer(w, http.StatusBadRequest, "Unable to write container association response: "+d.version+" association response: unable to find association '"+name+"' of type "+kind)
		return
	}
	answer(w, http.StatusOK, struct{ Associations []string }{names})
}

// answerV2 answers /v2/metadata, /v2/metadataWithTags and /v2/stats, which ask for the task or for a container by its
// Docker id. The ECS agent tells tasks apart there by their addresses, so that those without one of their own have none.
func (s *Server) answerV2(t Task, w http.ResponseWriter, r *http.Request, what, id string) {
	if !t.OwnAddress {
		from, _, _ := strings.Cut(r.RemoteAddr, ":")
		answer(w, http.StatusBadRequest, "Unable to get task arn from request: unable to associate '"+from+"' with task")
		return
	}
	task := t.Describe()
	switch {
	case what == "stats" && id == "":
		s.answerTaskStats(t, w, r, task, false)
	case what == "stats":
		c := task.byDockerID(id)
		c.DockerID = id
		s.answerStats(t, w, r, c, false)
	case id == "" && what == "metadataWithTags":
		answer(w, http.StatusOK, s.withTags(r.Context(), t, task).older())
	case id == "":
		answer(w, http.StatusOK, task.older())
	default:
		c := task.byDockerID(id)
		if c.DockerID == "" {
			answer(w, http.StatusBadRequest, "Unable to generate metadata for container '"+id+"'")
			return
		}
		answer(w, http.StatusOK, c.older())
	}
}

// byDockerID returns the container with a Docker id, or one without any.
func (d *Description) byDockerID(id string) Container {
	for _, c := range d.Containers {
		if c.DockerID == id {
			return c
		}
	}
	return Container{}
}

// used is what the task's containers use, by Docker id.
func (s *Server) used(t Task, r *http.Request) (map[string]stats.Usage, error) {
	all, err := s.Stats.Read(r.Context(), t.Measured())
	if err != nil {
		return nil, err
	}
	byID := map[string]stats.Usage{}
	for _, u := range all {
		byID[u.RuntimeID] = u
	}
	return byID, nil
}
