package task

import (
	"context"
	"slices"
	"sync"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// Secrets reads what task definitions refer to in Parameter Store and Secrets Manager: *secret.Reader. What it returns is
// given to containers and log drivers, and is written and logged nowhere. Its errors are reasons for which a task stops, in
// AWS's words.
type Secrets interface {
	// Read returns the values of references, all of them. While the control plane does not answer it goes on trying for a
	// while.
	Read(ctx context.Context, of SecretsOf, refs []SecretRef) (map[SecretRef]string, error)
	// Login returns the login to a registry that a secret holds, likewise.
	Login(ctx context.Context, of SecretsOf, at *acs.ASMAuthData) (*engine.RegistryAuth, error)
}

// SecretsOf is a task on whose behalf secrets are read.
type SecretsOf struct {
	LaunchType string // chooses the words of errors
	// Credentials of the task's execution role; ok is false when it has none.
	Credentials func(ctx context.Context) (c acs.IAMRoleCredentials, ok bool)
}

// SecretRef is where a secret lies: a definition's valueFrom, with the service that it names and the region.
type SecretRef struct {
	Provider          acs.SecretProvider
	Region, ValueFrom string
}

func refOf(s acs.Secret) SecretRef {
	return SecretRef{Provider: s.Provider, Region: s.Region, ValueFrom: s.ValueFrom}
}

// secretValues are the values of all that a task's containers refer to, once they have been read. They live in memory alone: an agent that
// starts a task again reads them again.
type secretValues struct {
	mu     sync.Mutex
	values map[SecretRef]string
}

// secretsOf is the task for those who read secrets on its behalf.
func (t *task) secretsOf() SecretsOf {
	return SecretsOf{LaunchType: t.payload.LaunchType, Credentials: t.execution}
}

// readSecrets reads, once in an agent's life, all that the task's containers refer to. Its error is a *failure, or the end of ctx.
func (t *task) readSecrets(ctx context.Context) (map[SecretRef]string, error) {
	t.secrets.mu.Lock()
	defer t.secrets.mu.Unlock()
	if t.secrets.values != nil {
		return t.secrets.values, nil
	}
	var refs []SecretRef
	for _, c := range t.payload.Containers {
		for _, s := range c.Secrets {
			if ref := refOf(s); !slices.Contains(refs, ref) {
				refs = append(refs, ref)
			}
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	values, err := t.Secrets.Read(ctx, t.secretsOf(), refs)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, &failure{clip(err.Error())}
	}
	t.secrets.values = values
	return values, nil
}

// prepareSecrets has the secrets of containers that are still to be created ready.
func (t *task) prepareSecrets(ctx context.Context, containers []*acs.Container) error {
	if !slices.ContainsFunc(containers, func(c *acs.Container) bool { return len(c.Secrets) > 0 }) {
		return nil
	}
	_, err := t.readSecrets(ctx)
	return err
}

// secretVariables are the secrets that a container finds in its environment, whatever else is called the same. prepareSecrets
// comes first.
func (t *task) secretVariables(c *acs.Container) map[string]string {
	t.secrets.mu.Lock()
	defer t.secrets.mu.Unlock()
	return valuesFor(c, acs.SecretTargetContainer, t.secrets.values)
}

// secretOptions returns what reads the log driver's options that are secrets; nil when the definition has none.
func (t *task) secretOptions(c *acs.Container) func(ctx context.Context) (map[string]string, error) {
	if !slices.ContainsFunc(c.Secrets, func(s acs.Secret) bool { return s.Target == acs.SecretTargetLogDriver }) {
		return nil
	}
	return func(ctx context.Context) (map[string]string, error) {
		values, err := t.readSecrets(ctx)
		if err != nil {
			return nil, err
		}
		return valuesFor(c, acs.SecretTargetLogDriver, values), nil
	}
}

// valuesFor are the values of a container's secrets with a target, by name.
func valuesFor(c *acs.Container, target acs.SecretTarget, values map[SecretRef]string) map[string]string {
	named := map[string]string{}
	for _, s := range c.Secrets {
		if s.Target == target {
			named[s.Name] = values[refOf(s)]
		}
	}
	return named
}

// login returns the login with which a container's image is pulled; nil when the definition names none. Its error is a *failure,
// or the end of ctx.
func (t *task) login(ctx context.Context, c *acs.Container) (*engine.RegistryAuth, error) {
	if r := c.RegistryAuthentication; r == nil || r.AsmAuthData == nil {
		return nil, nil
	}
	auth, err := t.Secrets.Login(ctx, t.secretsOf(), c.RegistryAuthentication.AsmAuthData)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, &failure{clip(err.Error())}
	}
	return auth, nil
}
