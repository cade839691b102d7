package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Token makes a request that is sent twice have one effect: AWS's client tokens.
type Token struct {
	// Operation and Value name it within a scope: RunTask and what the client sent.
	Operation, Value string
	// Params is what the request asked for, as [Params] gives it.
	Params string
	// Keep is how long the token is remembered.
	Keep time.Duration
}

// token is a token's row.
type token struct {
	Params  string         `json:"params"`
	Result  jsontext.Value `json:"result"`
	Expires time.Time      `json:"expires"`
}

// Params is the hash of a request's parameters.
func Params(request any) (string, error) {
	text, err := json.Marshal(request, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("hash the parameters: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Once runs fn and remembers its result under the token, in the same transaction as all that fn writes. When the token is remembered already,
// fn doesn't run and the result of its first run is returned; with other parameters that is ErrTokenReused. A failure of fn is not remembered.
// A result is kept as JSON: keep names in it, not whole answers.
func Once[R any](tx *Tx, scope Scope, t Token, fn func() (R, error)) (R, error) {
	var result R
	tokens, id := tx.db.tokens, t.Operation+"/"+t.Value
	if before, ok := tokens.GetTx(tx, scope, id); ok && time.Now().Before(before.Expires) {
		if before.Params != t.Params {
			return result, fmt.Errorf("token %q of %s: %w", t.Value, t.Operation, ErrTokenReused)
		}
		err := json.Unmarshal(before.Result, &result)
		return result, err
	}
	result, err := fn()
	if err != nil {
		return result, err
	}
	text, err := json.Marshal(result, json.Deterministic(true))
	if err != nil {
		return result, tx.fail(fmt.Errorf("token %q of %s: encode the result: %w", t.Value, t.Operation, err))
	}
	return result, tokens.Put(tx, scope, id, &token{Params: t.Params, Result: text, Expires: time.Now().Add(t.Keep)})
}

// Recall is the result that a token is remembered with; known is false when it is not. When the token was for other parameters, the error
// is ErrTokenReused and the result is theirs.
func Recall[R any](db *DB, scope Scope, t Token) (result R, known bool, err error) {
	row, ok := db.tokens.Get(scope, t.Operation+"/"+t.Value)
	if !ok || !time.Now().Before(row.Value.Expires) {
		return result, false, nil
	}
	if err := json.Unmarshal(row.Value.Result, &result); err != nil {
		return result, false, fmt.Errorf("token %q of %s: decode the result: %w", t.Value, t.Operation, err)
	}
	if row.Value.Params != t.Params {
		err = fmt.Errorf("token %q of %s: %w", t.Value, t.Operation, ErrTokenReused)
	}
	return result, true, err
}
