package task

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// secrets are what Parameter Store and Secrets Manager hold, by valueFrom.
type secrets struct {
	mu     sync.Mutex
	values map[string]string
	away   bool // nothing is answered
	reads  int
}

func (s *secrets) Read(ctx context.Context, of SecretsOf, refs []SecretRef) (map[SecretRef]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads++; s.away {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	values := map[SecretRef]string{}
	for _, ref := range refs {
		value, ok := s.values[ref.ValueFrom]
		if !ok {
			return nil, errors.New("Fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: " + ref.ValueFrom)
		}
		values[ref] = value
	}
	return values, nil
}

func (s *secrets) Login(ctx context.Context, of SecretsOf, at *acs.ASMAuthData) (*engine.RegistryAuth, error) {
	value, ok := s.values[at.CredentialsParameter]
	if !ok {
		return nil, errors.New("asm fetching secret from the service for " + at.CredentialsParameter + ": it is not there")
	}
	return &engine.RegistryAuth{Username: "user", Password: value}, nil
}

// withSecrets gives the container web two secrets in its environment and one for its log driver.
func withSecrets(t *acs.Task) {
	t.Containers[0].Environment = map[string]string{"STAGE": "dev", "TOKEN": "of the definition"}
	t.Containers[0].Secrets = []acs.Secret{
		{Name: "TOKEN", ValueFrom: "/token", Region: "us-east-1", Provider: acs.SecretProviderSsm, Target: acs.SecretTargetContainer},
		{Name: "AGAIN", ValueFrom: "/token", Region: "us-east-1", Provider: acs.SecretProviderSsm, Target: acs.SecretTargetContainer},
		{Name: "splunk-token", ValueFrom: "/log", Region: "us-east-1", Provider: acs.SecretProviderSsm, Target: acs.SecretTargetLogDriver},
	}
}

// environmentOf is what the engine was told of a container's environment.
func environmentOf(w *world, container string) []string {
	_, spec, _ := w.machine.Spec(idA, container)
	return spec.Config.Env
}

const plaintext = "hush-hush-4711"

func TestSecretsAreInTheEnvironmentAndNowhereElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.secrets.values = map[string]string{"/token": plaintext, "/log": plaintext + "-log"}
		a := w.start(&executioner{})
		if err := a.apply(payload(withSecrets)); err != nil {
			t.Fatal(err)
		}
		after(0)
		env := environmentOf(w, "web")
		for _, want := range []string{"TOKEN=" + plaintext, "AGAIN=" + plaintext, "STAGE=dev"} {
			if !slices.Contains(env, want) {
				t.Errorf("the environment %v lacks %s", env, want)
			}
		}
		if text := strings.Join(env, "\n"); strings.Contains(text, "of the definition") || strings.Contains(text, "splunk") {
			t.Errorf("the environment is %v", env)
		}
		if text := strings.Join(environmentOf(w, "side"), "\n"); strings.Contains(text, plaintext) {
			t.Errorf("the other container sees it: %v", text)
		}
		known := a.tasks[idA]
		options, err := known.secretOptions(&known.payload.Containers[0])(t.Context())
		if want := map[string]string{"splunk-token": plaintext + "-log"}; err != nil || !maps.Equal(options, want) {
			t.Errorf("the log driver gets %v, %v", options, err)
		}
		if known.secretOptions(&known.payload.Containers[1]) != nil {
			t.Error("a container without secret options has some to read")
		}
		if w.secrets.reads != 1 {
			t.Errorf("they were read %d times", w.secrets.reads)
		}
		a.die()
		found, err := containing(w.dir, plaintext)
		if err != nil || len(found) > 0 {
			t.Errorf("on disk in %v, %v", found, err)
		}
	})
}

func TestATaskWhoseSecretsCannotBeReadDoesNotRun(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		if err := a.apply(payload(withSecrets)); err != nil {
			t.Fatal(err)
		}
		after(0)
		want := "Fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: /token"
		if got := w.last(arnA); got.Status != stopped || got.Reason != want {
			t.Errorf("reported %s: %q", got.Status, got.Reason)
		}
	})
}

func TestAnImageIsPulledWithTheLoginOfItsSecret(t *testing.T) {
	const arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:registry"
	private := func(t *acs.Task) {
		t.Containers[0].RegistryAuthentication = &acs.RegistryAuthenticationData{Type: acs.AuthenticationTypeAsm, AsmAuthData: &acs.ASMAuthData{CredentialsParameter: arn, Region: "us-east-1"}}
	}
	for _, c := range []struct {
		name   string
		values map[string]string
		status string
		reason string
	}{
		{"it is there", map[string]string{arn: plaintext}, running, ""},
		{"it is not there", nil, stopped, "asm fetching secret from the service for " + arn + ": it is not there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lived(t, func(t *testing.T, w *world, a *agent) {
				w.secrets.values = c.values
				if err := a.apply(payload(private)); err != nil {
					t.Fatal(err)
				}
				after(0)
				if got := w.last(arnA); got.Status != c.status || got.Reason != c.reason {
					t.Errorf("reported %s: %q", got.Status, got.Reason)
				}
				if c.values == nil {
					return
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				if auth := w.pulls["web"]; auth == nil || *auth != (engine.RegistryAuth{Username: "user", Password: plaintext}) || w.pulls["side"] != nil {
					t.Errorf("pulled with %v", w.pulls)
				}
			})
		})
	}
}

func TestAnAgentThatStartsATaskAgainReadsItsSecretsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.secrets.away = true
		first := w.start(&executioner{})
		if err := first.apply(payload(withSecrets)); err != nil {
			t.Fatal(err)
		}
		after(0)
		first.die()
		w.secrets.away, w.secrets.values = false, map[string]string{"/token": plaintext, "/log": "-"}
		second := w.start(&executioner{})
		after(0)
		if got := w.statuses(arnA); !slices.Equal(got, []string{running}) || w.secrets.reads != 2 {
			t.Errorf("reported %v after %d reads", got, w.secrets.reads)
		}
		second.die()
		third := w.start(&executioner{})
		after(0)
		if w.secrets.reads != 2 {
			t.Error("they were read for a task that runs")
		}
		third.die()
	})
}

// containing returns the files under a directory that hold a text.
func containing(dir, text string) (found []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	return found, err
}
