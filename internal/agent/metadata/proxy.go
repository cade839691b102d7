package metadata

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
	"github.com/berth-dev/berth/internal/wire/sigv4"
)

// isSigned says that a request is one for the AWS API, whatever its signature is worth.
func isSigned(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || strings.Contains(r.URL.RawQuery, "X-Amz-Credential=")
}

// answerAPI passes a request on to the control plane if the key that it names is the task's own. The control plane checks
// the signature, and reads it in the same way: what names one key here can't be another's there.
func (s *Server) answerAPI(t Task, w http.ResponseWriter, r *http.Request) {
	if signature, err := sigv4.Parse(r); err == nil {
		if _, ok := s.credentials(r.Context(), t); ok && s.Keyring.Issued(t.ID, signature.AccessKeyID) {
			s.proxy.ServeHTTP(w, r)
			return
		}
	}
	deny(w, r, "AccessDenied", "Inside a task, Berth answers requests that are signed with the task's own credentials: "+
		"those of its task role.")
}

// forward is the way to the control plane. What a signature covers stays as the client sent it: the host above all.
func (s *Server) forward() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			path, raw, query := p.In.URL.Path, p.In.URL.RawPath, p.In.URL.RawQuery
			p.Out.URL = &url.URL{Scheme: s.Endpoint.Scheme, Host: s.Endpoint.Host, Path: path, RawPath: raw, RawQuery: query}
			p.Out.Host = p.In.Host
		},
		Transport:     s.Transport,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			s.Log.Warn("a task's request did not reach the control plane", "error", err)
			w.Header().Set("Retry-After", "1")
			deny(w, r, "ServiceUnavailable", "Berth's control plane cannot be reached.")
		},
	}
}

// deny answers with an AWS error in the shape of the protocol that the request speaks.
func deny(w http.ResponseWriter, r *http.Request, code, message string) {
	status := http.StatusForbidden
	if code == "ServiceUnavailable" {
		status = http.StatusServiceUnavailable
	}
	protocol := protocolOf(r)
	if protocol == schema.JSON10 || protocol == schema.JSON11 {
		code += "Exception"
		if status == http.StatusForbidden {
			status = http.StatusBadRequest
		}
	}
	id := uuid.NewString()
	fault := codec.For(protocol).Fault(&schema.Service{}, id, &codec.Error{Code: code, Message: message, Status: status})
	w.Header().Set("Content-Type", fault.Type)
	w.Header().Set("X-Amzn-RequestId", id)
	for _, h := range fault.Header {
		w.Header().Set(h[0], h[1])
	}
	w.WriteHeader(fault.Status)
	_, _ = w.Write(fault.Body)
}

// protocolOf tells the protocol of a request by what a client says before its body.
func protocolOf(r *http.Request) schema.Protocol {
	contentType := r.Header.Get("Content-Type")
	switch {
	case strings.HasPrefix(contentType, "application/x-amz-json-1.0"):
		return schema.JSON10
	case r.Header.Get("X-Amz-Target") != "", strings.HasPrefix(contentType, "application/json"):
		return schema.JSON11
	case strings.Contains(r.Header.Get("Authorization"), "/ec2/aws4_request"):
		return schema.EC2
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"), strings.Contains(r.URL.RawQuery, "Action="):
		return schema.Query
	}
	return schema.JSON11
}
