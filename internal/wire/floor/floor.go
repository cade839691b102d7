// Package floor is the least that a signed JSON API can do: net/http, one signature check, one JSON value in, one JSON
// value out. Benchmarks put it beside Berth in the same run: internal/wire's own, and test/bench.
package floor

import (
	"io"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/sigv4"
)

// Handler answers each request of an operation that is signed with the secret by the same answer, encoded anew.
func Handler[In, Out any](_ schema.Op[In, Out], secret string, answer *Out) http.Handler {
	var keys sigv4.Keys
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := read[In](r, &keys, secret); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := json.Marshal(answer)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Write(out)
	})
}

// read checks a request's signature and decodes its input.
func read[In any](r *http.Request, keys *sigv4.Keys, secret string) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	sig, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	key := keys.Key(secret, sig.Scope)
	if err := sig.Verify(r, sigv4.PayloadHash(body), key); err != nil {
		return err
	}
	keys.Remember(secret, sig.Scope, key)
	var in In
	return json.Unmarshal(body, &in)
}
