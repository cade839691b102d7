package metadata

import (
	"context"
	"net/http"

	"github.com/berth-dev/berth/api/acs"
)

// issued is a task's credentials in the form that SDKs read from the endpoint.
type issued struct {
	RoleArn         string
	AccessKeyId     string
	SecretAccessKey string
	Token           string
	Expiration      string
}

// refusal is the endpoint's form of an error.
type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Status  int    `json:"HTTPErrorCode"`
}

// answerCredentials answers version "V1", /v1/credentials?id=<id>, and "V2", /v2/credentials/<id>.
func (s *Server) answerCredentials(t Task, w http.ResponseWriter, r *http.Request, version, id string) {
	if id == "" {
		refuse(w, "NoIdInRequest", "Credentials"+version+"Request: No Credential ID in the request")
		return
	}
	c, ok := s.credentials(r.Context(), t)
	if !ok || c.CredentialsId != id {
		refuse(w, "InvalidIdInRequest", "Credentials"+version+"Request: Credentials not found")
		return
	}
	answer(w, http.StatusOK, issued{c.RoleArn, c.AccessKeyId, c.SecretAccessKey, c.SessionToken, c.Expiration})
}

func refuse(w http.ResponseWriter, code, message string) {
	answer(w, http.StatusBadRequest, refusal{code, message, http.StatusBadRequest})
}

// credentials returns a task's own, and waits for them when they are still to come.
func (s *Server) credentials(ctx context.Context, t Task) (acs.IAMRoleCredentials, bool) {
	if !t.HasRole {
		return acs.IAMRoleCredentials{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	return s.Keyring.Wait(ctx, t.ID, acs.RoleTypeTaskApplication)
}
