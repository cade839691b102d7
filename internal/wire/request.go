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
	var err error
	if x.sent, err = readBody(x.w, x.r, x.MaxBody); err == nil {
		x.body, err = inflate(x.r, x.sent, x.MaxBody)
	}
	if err != nil {
		return x.bodyFault(err)
	}
	return nil
}

// firstRead bounds what is set aside on the word of Content-Length alone.
const firstRead = 64 << 10

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

// verify proves a request's signature and says whose it is.
func (s *Server) verify(r *http.Request, body []byte, rules scopeRules) (Caller, error) {
	sig, err := sigv4.Parse(r)
	if err != nil {
		return Caller{}, err
	}
	if rules.service != "" && sig.Scope.Service != rules.service {
		return Caller{}, &sigv4.Error{Reason: sigv4.Invalid, Message: "Credential should be scoped to correct service: '" + rules.service + "'. "}
	}
	if !regionName(sig.Scope.Region) {
		return Caller{}, &sigv4.Error{Reason: sigv4.Invalid, Message: "Credential should be scoped to a valid region."}
	}
	if err := sig.CheckTime(s.Now(), s.Skew); err != nil {
		return Caller{}, err
	}
	cred, err := s.Credentials.Lookup(r.Context(), sig.AccessKeyID, sig.SessionToken, r)
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

// regionName reports whether a region's name is one: it becomes part of keys
// and ARNs.
func regionName(s string) bool {
	return len(s) <= 64 && !slices.ContainsFunc([]byte(s), func(c byte) bool {
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
		// What is sent may take longer than a request does.
		if err := http.NewResponseController(x.w).SetReadDeadline(time.Time{}); err != nil {
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
