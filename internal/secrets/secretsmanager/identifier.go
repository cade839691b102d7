package secretsmanager

import (
	"context"
	"regexp"
	"strings"

	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

var secretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]+$`)

func checkName(name string) error {
	if !secretName.MatchString(name) {
		return wire.Errorf("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	return nil
}

// arnPrefix is what a scope's ARNs begin with.
func arnPrefix(scope store.Scope) string {
	return "arn:aws:secretsmanager:" + scope.Region + ":" + scope.Account + ":secret:"
}

func arnOf(scope store.Scope, name, suffix string) string { return arnPrefix(scope) + name + suffix }

// suffixSize is a hyphen with six characters.
const suffixSize = 7

// newSuffix draws what an ARN has after the secret's name: a secret that is made again has another ARN.
func newSuffix() string {
	b := []byte("-")
	for len(b) < suffixSize {
		b = append(b, pick(lowercase+uppercase+digits))
	}
	return string(b)
}

// candidates are the names that a SecretId may mean, each with the suffix that its secret must have, or none.
func candidates(scope store.Scope, id string) (all [][2]string) {
	name, isARN := strings.CutPrefix(id, arnPrefix(scope))
	if !isARN || name == "" {
		return [][2]string{{id, ""}} // also the ARN of another account or region: no secret is called so
	}
	if at := len(name) - suffixSize; at > 0 && name[at] == '-' {
		all = append(all, [2]string{name[:at], name[at:]})
	}
	return append(all, [2]string{name, ""}) // an ARN without its suffix
}

// find returns the secret that a name, an ARN or an ARN without its suffix means.
func find(scope store.Scope, id string, get func(name string) (*secret, bool)) (named, bool) {
	for _, c := range candidates(scope, id) {
		if s, ok := get(c[0]); ok && (c[1] == "" || s.Suffix == c[1]) {
			return named{s, scope, c[0]}, true
		}
	}
	return named{}, false
}

// look returns a secret, also one that is to be deleted.
func (s *Service) look(ctx context.Context, id string) (named, error) {
	scope := scopeOf(ctx)
	found, ok := find(scope, id, func(name string) (*secret, bool) {
		row, ok := s.secrets.Get(scope, name)
		return row.Value, ok
	})
	if !ok || found.gone(s.now()) {
		return named{}, errNoSecret
	}
	return found, nil
}

// live returns a secret that is not to be deleted.
func (s *Service) live(ctx context.Context, id string) (named, error) {
	found, err := s.look(ctx, id)
	if err == nil && !found.Deletion.IsZero() {
		return named{}, errDeleted
	}
	return found, err
}

// change changes a secret, which it hands to f as a copy, and returns it as it is then. One that is to be deleted is refused, unless
// deleted says otherwise.
func (s *Service) change(ctx context.Context, id string, deleted bool, f func(tx *store.Tx, n named) error) (changed named, err error) {
	scope := scopeOf(ctx)
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		found, ok := find(scope, id, func(name string) (*secret, bool) { return s.secrets.GetTx(tx, scope, name) })
		switch {
		case !ok || found.gone(s.now()):
			return errNoSecret
		case !deleted && !found.Deletion.IsZero():
			return errDeleted
		}
		changed = named{found.copied(), scope, found.name}
		if err := f(tx, changed); err != nil {
			return err
		}
		return s.secrets.Put(tx, scope, changed.name, changed.secret)
	})
	return changed, answer(err)
}

// versionID is the id of a version that a request makes: its token, which makes repeating it harmless.
func versionID(token string) (string, error) {
	if token == "" {
		return newUUID(), nil
	}
	if !secretToken.MatchString(token) {
		return "", wire.Errorf(api.InvalidParameterException, "ClientRequestToken can have letters, digits and hyphens, and was %q.", token)
	}
	return token, nil
}

var secretToken = regexp.MustCompile(`^[A-Za-z0-9._/+=@-]{32,64}$`)
