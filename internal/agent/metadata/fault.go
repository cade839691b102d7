package metadata

import (
	"net/http"
	"strings"
)

// faults are the kinds of fault that the ECS agent's API injects into a task's network.
var faults = map[string]bool{"network-blackhole-port": true, "network-latency": true, "network-packet-loss": true}

// isFault says that a path below /api/<id>/ is one of fault injection.
func isFault(path string) bool {
	rest, ok := strings.CutPrefix(path, "fault/v1/")
	kind, action, _ := strings.Cut(rest, "/")
	return ok && faults[kind] && (action == "start" || action == "stop" || action == "status")
}

// answerFault refuses: Berth takes no task definition that enables fault injection.
func (s *Server) answerFault(t Task, w http.ResponseWriter, r *http.Request, id string) {
	told := struct{ Error string }{}
	task := t.Describe()
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case task.container(id) == nil:
		told.Error = "unable to lookup container: " + id
		answer(w, http.StatusNotFound, told)
	default:
		told.Error = "enableFaultInjection is not enabled for task: " + task.TaskARN
		answer(w, http.StatusBadRequest, told)
	}
}
