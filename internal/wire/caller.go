package wire

import (
	"context"
	"errors"
	"net/http"
)

// Kind is what sort of principal a caller is.
type Kind string

// The kinds of callers.
const (
	Root  Kind = "root"
	User  Kind = "user"
	Role  Kind = "role"
	Agent Kind = "agent"
	Task  Kind = "task"
)

// Caller is who signed a request, and the region it is for.
type Caller struct {
	Account     string
	Region      string // of the request's credential scope
	AccessKeyID string
	ARN         string
	UserID      string
	Kind        Kind
	TaskARN     string // of a Task, or of the Role of one
	Machine     string // of an Agent
}

// Credential is an access key's secret and whom it stands for. The Region of
// the Caller is filled in by the server.
type Credential struct {
	Secret string
	Caller Caller
}

// Credentials knows the access keys. Lookup may look at the connection that
// the request came by; it must not read the body. It returns ErrUnknownKey,
// ErrExpiredToken, or an *Error of its own.
type Credentials interface {
	Lookup(ctx context.Context, accessKeyID, sessionToken string, r *http.Request) (Credential, error)
}

var (
	// ErrUnknownKey is answered in the words of each protocol: "The security
	// token included in the request is invalid."
	ErrUnknownKey = errors.New("unknown access key")
	// ErrExpiredToken is answered likewise: "The security token included in
	// the request is expired".
	ErrExpiredToken = errors.New("expired session token")
)

// identity is what the context of a request carries.
type identity struct {
	caller    Caller
	requestID string
}

type identityKey struct{}

func identityOf(ctx context.Context) identity {
	if id, ok := ctx.Value(identityKey{}).(*identity); ok {
		return *id
	}
	return identity{}
}

// CallerOf is who made the request that ctx belongs to; the zero Caller when
// it was not signed.
func CallerOf(ctx context.Context) Caller { return identityOf(ctx).caller }

// RequestID is the id of the request that ctx belongs to, the one its answer
// carries.
func RequestID(ctx context.Context) string { return identityOf(ctx).requestID }

// WithCaller returns a context in which CallerOf answers c: for tests of
// handlers, and for work that is done in a caller's name.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, identityKey{}, &identity{c, RequestID(ctx)})
}
