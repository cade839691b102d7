package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// NextToken makes the token by which a listing goes on after the item with the
// key after. listing is what the caller asked for (operation, cluster, filters):
// the token is good for that alone.
func NextToken(after string, listing ...string) string {
	return base64.RawURLEncoding.EncodeToString(append(fingerprint(listing), after...))
}

// After reads a token that NextToken made for the same listing. An empty token
// is the beginning. ok is false for any other token: the handler answers with
// its service's error.
func After(token string, listing ...string) (after string, ok bool) {
	if token == "" {
		return "", true
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	mark := fingerprint(listing)
	if err != nil || len(b) <= len(mark) || string(b[:len(mark)]) != string(mark) {
		return "", false
	}
	return string(b[len(mark):]), true
}

// fingerprint tells listings apart; it keeps nobody from making tokens, and
// has not to: a key opens nothing that the caller may not list anyway.
func fingerprint(listing []string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(listing, "\x00")))
	return sum[:6]
}
