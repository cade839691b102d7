package service

import (
	"errors"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// tokenKept is how long a client token is remembered.
const tokenKept = 24 * time.Hour

// clientToken is the token of a request, nil without one.
func clientToken(operation, value string, request any) (*store.Token, error) {
	if value == "" {
		return nil, nil
	}
	switch {
	case len(value) > 36:
		return nil, invalidParameter("clientToken longer than 36.")
	case strings.ContainsFunc(value, func(c rune) bool { return c < '!' || c > '~' }):
		return nil, invalidParameter("clientToken has a character that is not in the range of 33 to 126.")
	}
	params, err := store.Params(request)
	return &store.Token{Operation: operation, Value: value, Params: params, Keep: tokenKept}, err
}

// once runs fn, unless the token is remembered: then it returns the key of what the first request with it made. what says what is made.
func once(tx *store.Tx, scope store.Scope, token *store.Token, what, key string, fn func() error) (made string, err error) {
	if token == nil {
		return key, fn()
	}
	made, err = store.Once(tx, scope, *token, func() (string, error) { return key, fn() })
	if errors.Is(err, store.ErrTokenReused) {
		return "", notIdempotent(what)
	}
	return made, err
}
