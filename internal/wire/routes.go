package wire

import (
	"net/http"
	"strings"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
	"github.com/berth-dev/berth/internal/wire/sigv4"
)

// routes find the service that a request is for.
type routes struct {
	services []*Service
	byTarget map[string]*Service
	byScope  map[string][]*Service // signing name
}

func (rs *routes) add(svc *Service) {
	if rs.byTarget == nil {
		rs.byTarget, rs.byScope = map[string]*Service{}, map[string][]*Service{}
	}
	rs.services = append(rs.services, svc)
	if svc.api.TargetPrefix != "" {
		rs.byTarget[svc.api.TargetPrefix] = svc
	}
	rs.byScope[svc.api.SigningName] = append(rs.byScope[svc.api.SigningName], svc)
}

// destination is what a request is for.
type destination struct {
	service   *Service // nil: of no service that is here
	operation string
	protocol  schema.Protocol
	form      map[string]string
	labels    map[string]string
	named     string // what the request called the service, for an error
}

// find reads where a request goes, in the order in which its signs are
// trusted: the RPC path, the target header, the action of a form, and last the
// method and path of REST. ok is false when it shows none of them.
func (rs *routes) find(r *http.Request, body []byte) (d destination, ok bool, err error) {
	if r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" {
		return rs.findRPC(r), true, nil
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return rs.findTarget(r, target), true, nil
	}
	if d, ok, err := rs.findAction(r, body); ok || err != nil {
		return d, true, err
	}
	d, ok = rs.findREST(r)
	return d, ok, nil
}

// findRPC reads /service/<target prefix>/operation/<operation>.
func (rs *routes) findRPC(r *http.Request) destination {
	d := destination{protocol: schema.CBOR, named: r.URL.Path}
	parts := strings.Split(r.URL.Path, "/")
	if n := len(parts); n >= 4 && parts[n-4] == "service" && parts[n-2] == "operation" {
		d.named, d.operation = parts[n-3], parts[n-1]
		d.service = rs.byTarget[d.named]
	}
	return d
}

// findTarget reads X-Amz-Target: <target prefix>.<operation>.
func (rs *routes) findTarget(r *http.Request, target string) destination {
	d := destination{protocol: schema.JSON11}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-1.0") {
		d.protocol = schema.JSON10
	}
	d.named, d.operation, _ = strings.Cut(target, ".")
	d.service = rs.byTarget[d.named]
	return d
}

// findAction reads Action and Version of a query or a form.
func (rs *routes) findAction(r *http.Request, body []byte) (destination, bool, error) {
	d := destination{protocol: schema.Query}
	source := r.URL.RawQuery
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		source = string(body)
	}
	if !strings.Contains(source, "Action=") {
		return d, false, nil
	}
	form, err := codec.ParseForm(source)
	d.form, d.operation, d.named = form, form["Action"], scopeOf(r)
	if d.named == "ec2" {
		d.protocol = schema.EC2
	}
	version := form["Version"]
	for _, svc := range rs.services {
		// One signing name may stand for several services (two generations of
		// load balancers), and one version for several names: both decide,
		// and an unsigned request has only the version.
		if svc.api.Version == version && (d.named == "" || svc.api.SigningName == d.named) {
			d.service, d.protocol = svc, formProtocol(svc.api, d.protocol)
		}
	}
	return d, err == nil || form != nil, err
}

// formProtocol is the form protocol that a service speaks.
func formProtocol(api *schema.Service, otherwise schema.Protocol) schema.Protocol {
	for _, p := range api.Protocols {
		if p == schema.Query || p == schema.EC2 {
			return p
		}
	}
	return otherwise
}

// scopeOf is the service that a request's credential scope names, unproven.
func scopeOf(r *http.Request) string {
	sig, err := sigv4.Parse(r)
	if err != nil {
		return ""
	}
	return sig.Scope.Service
}

// findREST goes by the credential scope, then by method and path.
func (rs *routes) findREST(r *http.Request) (destination, bool) {
	for _, svc := range rs.byScope[scopeOf(r)] {
		if len(svc.uris) == 0 {
			continue
		}
		d := destination{service: svc, protocol: svc.api.Protocols[0], named: r.URL.Path}
		d.operation, d.labels = codec.Match(svc.uris, r)
		return d, true
	}
	return destination{}, false
}

// speaks reports whether a service answers a protocol. The versions of JSON
// are one: they differ in their content type.
func (svc *Service) speaks(p schema.Protocol) bool {
	for _, has := range svc.api.Protocols {
		if has == p || isJSON(has) && isJSON(p) {
			return true
		}
	}
	return false
}

func isJSON(p schema.Protocol) bool { return p == schema.JSON10 || p == schema.JSON11 }
