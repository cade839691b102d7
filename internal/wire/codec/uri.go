package codec

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/berth-dev/berth/api/schema"
)

// Route is a REST operation's method and URI template, ready to match.
type Route struct {
	Name   string
	method string
	parts  []part
	query  url.Values // what the query string must have: "?list-type=2"
	weight int        // literal parts and queries: of two that match, the heavier is meant
}

// part is one segment of a template: text, {label}, or {label+}, which takes
// slashes as well.
type part struct {
	text   string
	label  bool
	greedy bool
}

// Routes compiles the URI templates of a service's operations.
func Routes(api *schema.Service) []Route {
	var list []Route
	for _, op := range api.Operations {
		if op.URI == "" {
			continue
		}
		path, query, _ := strings.Cut(op.URI, "?")
		r := Route{Name: op.Name, method: op.Method}
		r.query, _ = url.ParseQuery(query)
		r.weight = len(r.query)
		for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
			p := part{text: segment}
			if name, ok := strings.CutPrefix(segment, "{"); ok {
				p.label, p.text = true, strings.TrimSuffix(name, "}")
				p.text, p.greedy = strings.CutSuffix(p.text, "+")
			} else {
				r.weight++
			}
			r.parts = append(r.parts, p)
		}
		list = append(list, r)
	}
	return list
}

// Match finds the route of a request and what its labels stand for.
func Match(routes []Route, r *http.Request) (name string, labels map[string]string) {
	segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	query := r.URL.Query()
	best := -1
	for i := range routes {
		route := &routes[i]
		if route.method != r.Method || route.weight <= best && best >= 0 || !route.asks(query) {
			continue
		}
		if found, ok := route.match(segments); ok {
			name, labels, best = route.Name, found, route.weight
		}
	}
	return name, labels
}

// asks reports whether a query string has what the template wants of it.
func (r *Route) asks(query url.Values) bool {
	for k, v := range r.query {
		if !query.Has(k) || v[0] != "" && query.Get(k) != v[0] {
			return false
		}
	}
	return true
}

func (r *Route) match(segments []string) (map[string]string, bool) {
	labels := map[string]string{}
	for i, p := range r.parts {
		rest := segments[min(i, len(segments)):]
		if len(rest) == 0 {
			return nil, false
		}
		got := rest[0]
		if p.greedy {
			got = strings.Join(rest, "/")
		}
		text, err := url.PathUnescape(got)
		switch {
		case err != nil, p.label && text == "", !p.label && text != p.text:
			return nil, false
		case p.label:
			labels[p.text] = text
		}
		if p.greedy {
			return labels, true
		}
	}
	return labels, len(segments) == len(r.parts)
}
