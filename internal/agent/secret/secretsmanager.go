package secret

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/agent/task"
)

// selector is what a valueFrom says of a secret: which, which version of it, and which member of its JSON.
type selector struct{ id, jsonKey, stage, version string }

var errSelector = errors.New("unexpected ARN format with parameters when trying to retrieve ASM secret")

// selectorOf reads arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME, after which :json-key:version-stage:version-id may
// follow, each of which may be empty. NAME may lack the six characters that Secrets Manager has put after it.
func selectorOf(valueFrom string) (selector, error) {
	parts := strings.Split(valueFrom, ":")
	switch len(parts) {
	case 7:
		return selector{id: valueFrom}, nil
	case 10:
		return selector{id: strings.Join(parts[:7], ":"), jsonKey: parts[7], stage: parts[8], version: parts[9]}, nil
	}
	return selector{}, errSelector
}

// secret reads one version of a secret for all references to it.
func (a *attempt) secret(ctx context.Context, b *batch) (map[task.SecretRef]string, error) {
	if _, err := selectorOf(b.refs[0].ValueFrom); err != nil {
		return nil, a.ofSecret(b.refs[0].ValueFrom, err)
	}
	text, err := a.secretString(ctx, b.selector)
	if err != nil {
		return nil, a.ofSecret(b.selector.id, err)
	}
	values := map[task.SecretRef]string{}
	for _, ref := range b.refs {
		s, err := selectorOf(ref.ValueFrom)
		value := text
		if err == nil && s.jsonKey != "" {
			value, err = member(text, s.jsonKey)
		}
		if err != nil {
			return nil, a.ofSecret(ref.ValueFrom, err)
		}
		values[ref] = value
	}
	return values, nil
}

// secretString is the text of a secret. One of bytes has none, and no variable can hold it.
func (a *attempt) secretString(ctx context.Context, s selector) (string, error) {
	out, err := call(ctx, a, secretsmanager.GetSecretValue, &secretsmanager.GetSecretValueRequest{SecretId: s.id, VersionStage: s.stage, VersionId: s.version})
	switch {
	case err != nil:
		return "", err
	case out.SecretString == "":
		return "", errors.New("retrieved secret from Secrets Manager has no SecretString: it is binary")
	}
	return out.SecretString, nil
}

// member is a member of a secret that is a JSON object: a string's text, anything else as it is written.
func member(text, key string) (string, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal([]byte(text), &members, jsontext.AllowDuplicateNames(true)); err != nil {
		return "", errors.New("retrieved secret from Secrets Manager is not a JSON object, and its json key was asked for") // err may quote the secret
	}
	value, ok := members[key]
	if !ok {
		return "", fmt.Errorf("retrieved secret from Secrets Manager did not contain json key %s", key)
	}
	if value.Kind() != '"' {
		return string(value), nil
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return "", fmt.Errorf("json key %s of the retrieved secret is no text", key)
	}
	return s, nil
}
