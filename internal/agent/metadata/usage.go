package metadata

import (
	"net/http"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/internal/agent/stats"
)

// usage is what a container uses, as Docker tells it; since version 4, with what passes over its network in a second.
type usage struct {
	container.StatsResponse
	Rate *stats.NetworkRate `json:"network_rate_stats,omitempty"`
}

// shown is a container's use under the id and the name that it is known by.
func shown(u stats.Usage, c Container, rates bool) *usage {
	out := &usage{StatsResponse: u.Stats}
	out.ID, out.Name = c.DockerID, "/"+c.DockerName
	if rates {
		out.Rate = u.Rate
	}
	return out
}

// answerStats answers what a container uses.
func (s *Server) answerStats(t Task, w http.ResponseWriter, r *http.Request, c Container, rates bool) {
	all, err := s.used(t, r)
	u, found := all[c.DockerID]
	switch {
	case err != nil:
		s.Log.Warn("what a task uses could not be measured", "task", t.ID, "error", err)
		answer(w, http.StatusInternalServerError, "Unable to get container stats for: "+c.DockerID)
	case !found:
		answer(w, http.StatusBadRequest, "Unable to get container stats for: "+c.DockerID)
	default:
		answerDocker(w, shown(u, c, rates))
	}
}

// answerTaskStats answers what each container of a task uses, by Docker id. One that does not run uses nothing.
func (s *Server) answerTaskStats(t Task, w http.ResponseWriter, r *http.Request, task Description, rates bool) {
	all, err := s.used(t, r)
	if err != nil {
		s.Log.Warn("what a task uses could not be measured", "task", t.ID, "error", err)
		answer(w, http.StatusInternalServerError, "Unable to get task stats for: "+task.TaskARN)
		return
	}
	out := map[string]any{}
	for _, c := range task.Containers {
		if c.DockerID == "" {
			continue
		}
		if u, found := all[c.DockerID]; found {
			out[c.DockerID] = shown(u, c, rates)
		} else if rates {
			out[c.DockerID] = struct{}{}
		} else {
			out[c.DockerID] = nil
		}
	}
	answerDocker(w, out)
}

// answerDocker writes JSON of Docker's types as Docker does.
func answerDocker(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v, jsonv1.DefaultOptionsV1())
	if err != nil {
		http.Error(w, "encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
