package elb

import (
	"context"
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
)

// The attributes of listeners.
const (
	tcpIdleTimeout = "tcp.idle_timeout.seconds"
	serverHeader   = "routing.http.response.server.enabled"
)

// answerHeaders are the attributes that add a header to each answer, with the header's name.
var answerHeaders = map[string]string{
	"routing.http.response.access_control_allow_credentials.header_value": "Access-Control-Allow-Credentials",
	"routing.http.response.access_control_allow_headers.header_value":     "Access-Control-Allow-Headers",
	"routing.http.response.access_control_allow_methods.header_value":     "Access-Control-Allow-Methods",
	"routing.http.response.access_control_allow_origin.header_value":      "Access-Control-Allow-Origin",
	"routing.http.response.access_control_expose_headers.header_value":    "Access-Control-Expose-Headers",
	"routing.http.response.access_control_max_age.header_value":           "Access-Control-Max-Age",
	"routing.http.response.content_security_policy.header_value":          "Content-Security-Policy",
	"routing.http.response.strict_transport_security.header_value":        "Strict-Transport-Security",
	"routing.http.response.x_content_type_options.header_value":           "X-Content-Type-Options",
	"routing.http.response.x_frame_options.header_value":                  "X-Frame-Options",
}

// answerValues are those that some of these headers may have.
var answerValues = map[string]attribute{
	"Access-Control-Allow-Credentials": {pattern: regexp.MustCompile(`^true$`), like: "'true'"},
	"Access-Control-Max-Age":           {pattern: regexp.MustCompile(`^([0-9]{1,4}|[0-7][0-9]{4}|8[0-5][0-9]{3}|86[0-3][0-9]{2}|86400)$`), like: "between '0' and '86400'"},
	"X-Content-Type-Options":           {pattern: regexp.MustCompile(`^nosniff$`), like: "'nosniff'"},
	"X-Frame-Options":                  {pattern: regexp.MustCompile(`^(DENY|SAMEORIGIN|ALLOW-FROM [\x21-\x7e]+)$`), like: "'DENY', 'SAMEORIGIN' or 'ALLOW-FROM' with an address"},
}

// tlsNames are the attributes that name the headers by which targets learn of a TLS connection.
var tlsNames = map[string]string{
	"routing.http.request.x_amzn_mtls_clientcert.header_name":               "X-Amzn-Mtls-Clientcert",
	"routing.http.request.x_amzn_mtls_clientcert_issuer.header_name":        "X-Amzn-Mtls-Clientcert-Issuer",
	"routing.http.request.x_amzn_mtls_clientcert_leaf.header_name":          "X-Amzn-Mtls-Clientcert-Leaf",
	"routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name": "X-Amzn-Mtls-Clientcert-Serial-Number",
	"routing.http.request.x_amzn_mtls_clientcert_subject.header_name":       "X-Amzn-Mtls-Clientcert-Subject",
	"routing.http.request.x_amzn_mtls_clientcert_validity.header_name":      "X-Amzn-Mtls-Clientcert-Validity",
	"routing.http.request.x_amzn_tls_cipher_suite.header_name":              "X-Amzn-Tls-Cipher-Suite",
	"routing.http.request.x_amzn_tls_version.header_name":                   "X-Amzn-Tls-Version",
}

var (
	httpListenerAttributes  = answers()
	httpsListenerAttributes = append(requests(), answers()...)
	tcpListenerAttributes   = attributes{number(tcpIdleTimeout, 350, 60, 6000)}
)

func answers() (all attributes) {
	for key, name := range answerHeaders {
		all = append(all, answer(key, name))
	}
	all = append(all, boolean(serverHeader, "true"))
	return all.sorted()
}

// answer is the attribute that adds a header of a name.
func answer(key, name string) attribute {
	is := text(key)
	if only, ok := answerValues[name]; ok {
		is.pattern, is.like = only.pattern, only.like
	}
	return is
}

func requests() (all attributes) {
	for key, name := range tlsNames {
		all = append(all, attribute{key: key, otherwise: name}.refusing("headers have the names that AWS gives them"))
	}
	return all.sorted()
}

func (as attributes) sorted() attributes {
	slices.SortFunc(as, func(a, b attribute) int { return strings.Compare(a.key, b.key) })
	return as
}

// attributes are those that a listener of its protocol has.
func (l *listener) attributes() attributes {
	switch l.Protocol {
	case api.ProtocolEnumHttp:
		return httpListenerAttributes
	case api.ProtocolEnumHttps:
		return httpsListenerAttributes
	case api.ProtocolEnumTcp:
		return tcpListenerAttributes
	}
	return nil
}

func (l *listener) describeAttributes() []api.ListenerAttribute {
	all := []api.ListenerAttribute{}
	for _, p := range l.attributes().all(l.Attributes) {
		all = append(all, api.ListenerAttribute{Key: p.key, Value: p.value})
	}
	return all
}

// DescribeListenerAttributes lists the attributes of a listener, with defaults.
func (s *Service) DescribeListenerAttributes(ctx context.Context, in *api.DescribeListenerAttributesInput) (*api.DescribeListenerAttributesOutput, error) {
	l, err := s.listeners().get(scopeOf(ctx), in.ListenerArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeListenerAttributesOutput{Attributes: l.describeAttributes()}, nil
}

// ModifyListenerAttributes sets attributes of a listener.
func (s *Service) ModifyListenerAttributes(ctx context.Context, in *api.ModifyListenerAttributesInput) (*api.ModifyListenerAttributesOutput, error) {
	var pairs []pair
	for _, a := range in.Attributes {
		pairs = append(pairs, pair{a.Key, a.Value})
	}
	l, err := s.listeners().modify(ctx, s, in.ListenerArn, func(_ *store.Tx, l *listener) (err error) {
		l.Attributes, err = l.attributes().with(l.Attributes, "Listener", pairs)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.ModifyListenerAttributesOutput{Attributes: l.describeAttributes()}, nil
}
