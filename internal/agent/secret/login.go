package secret

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/task"
)

// Login returns the login to a registry that a secret holds: {"username": ..., "password": ...}.
func (r *Reader) Login(ctx context.Context, of task.SecretsOf, at *acs.ASMAuthData) (*engine.RegistryAuth, error) {
	a := &attempt{Reader: r, of: of, region: at.Region}
	text, err := a.secretString(ctx, selector{id: at.CredentialsParameter})
	if err != nil {
		return nil, a.ofLogin(at.CredentialsParameter, err)
	}
	var login struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	switch err := json.Unmarshal([]byte(text), &login); {
	case err != nil:
		err = errors.New("AuthorizationData is malformed: it is not a JSON object with a username and a password") // err may quote the secret
		return nil, a.ofLogin(at.CredentialsParameter, err)
	case login.Username == "":
		return nil, a.ofLogin(at.CredentialsParameter, errors.New("AuthorizationData is malformed, empty field: username"))
	case login.Password == "":
		return nil, a.ofLogin(at.CredentialsParameter, errors.New("AuthorizationData is malformed, empty field: password"))
	}
	return &engine.RegistryAuth{Username: login.Username, Password: login.Password}, nil
}
