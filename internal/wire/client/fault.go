package client

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// answeredError reads an error from an answer. Its code is bare: what comes
// before '#' and after ':' is taken off, as all SDKs do.
func answeredError(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode, RequestID: resp.Header.Get("X-Amzn-Requestid")}
	var fields map[string]any
	if json.Unmarshal(body, &fields) == nil {
		e.Code, _ = fields["__type"].(string)
		for _, name := range []string{"message", "Message"} {
			if m, ok := fields[name].(string); ok {
				e.Message = m
			}
			delete(fields, name)
		}
		delete(fields, "__type")
		if len(fields) > 0 {
			e.Fields = fields
		}
	}
	if e.Code == "" {
		e.Code = resp.Header.Get("X-Amzn-Errortype")
	}
	if i := strings.IndexByte(e.Code, '#'); i >= 0 {
		e.Code = e.Code[i+1:]
	}
	e.Code, _, _ = strings.Cut(e.Code, ":")
	if e.Code == "" {
		e.Code = strings.ReplaceAll(http.StatusText(resp.StatusCode), " ", "")
	}
	if e.Message == "" {
		e.Message = strings.TrimSpace(string(body[:min(len(body), 500)]))
	}
	return e
}
