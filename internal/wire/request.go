package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
	"github.com/berth-dev/berth/internal/wire/sigv4"
)

// read takes in the whole body, as it was sent (the signature is over those
// bytes) and inflated.
func (x *exchange) read() *Error {
	limit := x.MaxBody
	var stranger error
	if x.r.ContentLength < 0 || x.r.ContentLength > strangersBody {
		if _, _, stranger = x.credential(x.r, scopeRules{}); stranger != nil {
			limit = min(limit, strangersBody)
		}
	}
	var err error
	if x.sent, err = readBody(x.w, x.r, limit); err == nil {
		x.body, err = inflate(x.r, x.sent, x.MaxBody)
	}
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case stranger != nil && errors.As(err, &large):
		x.w.Header().Set("Connection", "close")
		return x.unproven(stranger)
	}
	return x.bodyFault(err)
}

const (
	// strangersBody bounds what is kept of a body before it can be checked, for
	// those whose key is not known: it is also what most requests stay below.
	strangersBody = 64 << 10
	// firstRead bounds what is set aside on the word of Content-Length alone.
	firstRead = 64 << 10
)

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	b.Grow(int(min(max(r.ContentLength, 0)+bytes.MinRead, firstRead)))
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	return b.Bytes(), err
}

var errEncoding = errors.New("unknown Content-Encoding")

// inflate undoes Content-Encoding, up to limit bytes.
func inflate(r *http.Request, body []byte, limit int64) ([]byte, error) {
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity", "amz-1.0": // the last is what old SDKs say and mean nothing by
		return body, nil
	case "gzip":
	default:
		return nil, errEncoding
	}
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(zip, limit+1))
	if err == nil && int64(len(out)) > limit {
		err = &http.MaxBytesError{Limit: limit}
	}
	return out, err
}

// bodyFault is the answer to a body that could not be taken in.
func (x *exchange) bodyFault(err error) *Error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		x.w.Header().Set("Connection", "close")
		return x.dialect.tooLarge.error("The request is larger than %d bytes.", large.Limit)
	case errors.Is(err, errEncoding):
		return x.dialect.malformed.error("The Content-Encoding %s is not supported: send gzip or none.",
			quoteHost(x.r.Header.Get("Content-Encoding")))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Code: "RequestTimeout", Status: http.StatusRequestTimeout, Message: "The request was not sent within the time that Berth waits for one."}
	}
	return x.dialect.malformed.error("The body of the request could not be read: %v", err)
}

// authenticate proves who signed the request.
func (x *exchange) authenticate() *Error {
	rules := scopeRules{}
	if svc := x.to.service; svc != nil {
		decl := svc.known[x.to.operation]
		if decl != nil && decl.Unsigned && x.r.Header.Get("Authorization") == "" {
			return nil
		}
		rules = scopeRules{svc.api.SigningName, svc.api.UnsignedBody}
	}
	return x.prove(rules)
}

// prove checks the signature and learns whose it is, or answers in the dialect
// why not.
func (x *exchange) prove(rules scopeRules) *Error {
	var err error
	if x.caller, err = x.verify(x.r, x.sent, rules); err == nil {
		return nil
	}
	return x.unproven(err)
}

// unproven is the answer, in the dialect, to a request of nobody known.
func (x *exchange) unproven(err error) *Error {
	if fault := x.dialect.authFault(err); fault != nil {
		return fault
	}
	return x.handlerFault(err)
}

// scopeRules is what a route asks of a signature.
type scopeRules struct {
	service      string // the credential scope's service; empty: any
	unsignedBody bool   // UNSIGNED-PAYLOAD is taken
}

// credential reads a request's signature and finds the key that it names.
// Nothing is proven yet.
func (s *Server) credential(r *http.Request, rules scopeRules) (*sigv4.Signature, Credential, error) {
	sig, err := sigv4.Parse(r)
	if err != nil {
		return nil, Credential{}, err
	}
	switch {
	case rules.service != "" && sig.Scope.Service != rules.service:
		err = &sigv4.Error{Reason: sigv4.Invalid, Message: "Credential should be scoped to correct service: '" + rules.service + "'. "}
	case !scopeName(sig.Scope.Service):
		err = &sigv4.Error{Reason: sigv4.Invalid, Message: "Credential should be scoped to a valid service."}
	case !scopeName(sig.Scope.Region):
		err = &sigv4.Error{Reason: sigv4.Invalid, Message: "Credential should be scoped to a valid region."}
	case r.Header["X-Amz-Target"] != nil && !sig.Signs("x-amz-target"):
		// Whoever has a signed request could make another one of it.
		err = &sigv4.Error{Reason: sigv4.Incomplete, Message: "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."}
	default:
		err = sig.CheckTime(s.Now(), s.Skew)
	}
	if err != nil {
		return nil, Credential{}, err
	}
	cred, err := s.Credentials.Lookup(r.Context(), sig.AccessKeyID, sig.SessionToken, r)
	return sig, cred, err
}

// verify proves a request's signature and says whose it is.
func (s *Server) verify(r *http.Request, body []byte, rules scopeRules) (Caller, error) {
	sig, cred, err := s.credential(r, rules)
	if err != nil {
		return Caller{}, err
	}
	hash := sigv4.UnsignedPayload
	if !rules.unsignedBody || !sig.Unsigned && !sig.Presigned {
		hash = sigv4.PayloadHash(body)
	}
	key := s.keys.Key(cred.Secret, sig.Scope)
	if err := sig.Verify(r, hash, key); err != nil {
		return Caller{}, err
	}
	s.keys.Remember(cred.Secret, sig.Scope, key)
	caller := cred.Caller
	caller.AccessKeyID, caller.Region = sig.AccessKeyID, sig.Scope.Region
	return caller, nil
}

// scopeName reports whether a region's or service's name is one: a region
// becomes part of keys and ARNs, and both are remembered with signing keys.
func scopeName(s string) bool {
	return len(s) <= 64 && 'a' <= s[0] && s[0] <= 'z' && !slices.ContainsFunc([]byte(s), func(c byte) bool {
		return !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-')
	})
}

// signed lets only signed requests through to h.
func (s *Server) signed(h http.Handler) http.Handler {
	return s.proven(h, func(x *exchange) *Error {
		if fault := x.read(); fault != nil {
			return fault
		}
		if fault := x.prove(scopeRules{}); fault != nil {
			return fault
		}
		if x.sent != nil {
			x.r.Body = io.NopCloser(bytes.NewReader(x.sent))
		}
		return nil
	})
}

// signedStream lets only requests through whose head is signed, their body
// unread.
func (s *Server) signedStream(h http.Handler) http.Handler {
	return s.proven(h, func(x *exchange) *Error {
		if fault := x.prove(scopeRules{unsignedBody: true}); fault != nil {
			return fault
		}
		// What is sent may take longer than a request does, and so the answer.
		c := http.NewResponseController(x.w)
		if err := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{})); err != nil {
			return x.bodyFault(err)
		}
		return nil
	})
}

// proven calls h for the requests of a raw route that prove takes.
func (s *Server) proven(h http.Handler, prove func(*exchange) *Error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{Server: s, w: w, r: r, id: RequestID(r.Context()), codec: codec.For(schema.JSON11), dialect: restDialect}
		if fault := prove(x); fault != nil {
			x.fail(fault)
			return
		}
		ctx := context.WithValue(r.Context(), identityKey{}, &identity{x.caller, x.id})
		h.ServeHTTP(w, x.r.WithContext(ctx))
	})
}
