package metadata

import (
	"net/http"
	"path"
	"strings"
)

// handler answers what a task's containers ask: the AWS API where a request is signed, else what the ECS agent answers.
func (s *Server) handler(t Task) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isSigned(r) {
			s.answerAPI(t, w, r)
			return
		}
		version, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch version {
		case "v1", "v2", "v3", "v4", "api":
			s.answerAgent(t, w, r, version, rest)
		case "": // "//v4/x", which the ECS agent sends on to where it belongs
			if clean := path.Clean(r.URL.Path); clean != r.URL.Path {
				http.Redirect(w, r, clean, http.StatusMovedPermanently)
				return
			}
			fallthrough
		default:
			deny(w, r, "MissingAuthenticationToken", "Missing Authentication Token")
		}
	})
}

// answerAgent answers a path of the ECS agent's, which is split after its version.
func (s *Server) answerAgent(t Task, w http.ResponseWriter, r *http.Request, version, rest string) {
	first, id, _ := strings.Cut(rest, "/")
	switch {
	case version == "v1" && rest == "credentials":
		s.answerCredentials(t, w, r, "V1", r.URL.Query().Get("id"))
	case version == "v2" && first == "credentials":
		s.answerCredentials(t, w, r, "V2", id)
	case version == "v2" && (first == "metadata" || first == "stats" || first == "metadataWithTags" && id == ""):
		s.answerV2(t, w, r, first, id)
	case version == "v3" && first != "":
		documents{s, t, "V3"}.answer(w, r, first, id)
	case version == "v4" && first != "":
		documents{s, t, "V4"}.answer(w, r, first, id)
	case version == "api" && id == "task-protection/v1/state":
		s.answerProtection(t, w, r, first)
	case version == "api" && isFault(id):
		s.answerFault(t, w, r, first)
	default:
		http.NotFound(w, r)
	}
}
