package elb

import (
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// What is done of clients' certificates.
const (
	mutualOff         = "off"
	mutualPassthrough = "passthrough"
)

// alpnProtocols are what a policy of ALPN offers. nil: ALPN is not spoken.
var alpnProtocols = map[string][]string{
	"HTTP1Only":      {"http/1.1", "http/1.0"},
	"HTTP2Only":      {"h2"},
	"HTTP2Optional":  {"http/1.1", "http/1.0", "h2"},
	"HTTP2Preferred": {"h2", "http/1.1", "http/1.0"},
	"None":           nil,
}

// secure tells whether connections to the listener are encrypted.
func (l *listener) secure() bool {
	return l.Protocol == api.ProtocolEnumHttps || l.Protocol == api.ProtocolEnumTls
}

// wanted is what a request says of a listener's encryption.
type wanted struct {
	policy       string
	certificates []api.Certificate
	alpn         []string
	mutual       *api.MutualAuthenticationAttributes
}

// change makes a listener be what a request says, if its load balancer can have such a listener.
func (s *Service) change(tx *store.Tx, scope store.Scope, b *loadBalancer, l *listener, to wanted) error {
	protocols := []api.ProtocolEnum{api.ProtocolEnumHttps, api.ProtocolEnumHttp}
	if b.network() {
		protocols = []api.ProtocolEnum{api.ProtocolEnumTcp, api.ProtocolEnumTcpUdp, api.ProtocolEnumTls, api.ProtocolEnumUdp}
	}
	switch {
	case l.Port == 0:
		return invalid("A port must be specified")
	case l.Protocol == "":
		return invalid("A protocol must be specified")
	case !slices.Contains(protocols, l.Protocol):
		return invalid("Listener protocol '%s' must be one of '%s'", l.Protocol, words(protocols))
	}
	if !l.secure() {
		return l.checkPlain(to)
	}
	if err := l.changePolicies(to); err != nil {
		return err
	}
	return s.changeCertificates(tx, scope, l, to.certificates)
}

func words(protocols []api.ProtocolEnum) string {
	var all []string
	for _, p := range protocols {
		all = append(all, string(p))
	}
	return strings.Join(all, ", ")
}

// checkPlain refuses what only encrypted listeners have.
func (l *listener) checkPlain(to wanted) error {
	switch {
	case len(to.certificates) > 0:
		return invalid("A certificate cannot be specified for %s listeners", l.Protocol)
	case to.policy != "":
		return invalid("An SSL policy cannot be specified for %s listeners", l.Protocol)
	case len(to.alpn) > 0:
		return invalid("An ALPN policy cannot be specified for %s listeners", l.Protocol)
	case to.mutual != nil && to.mutual.Mode != "" && to.mutual.Mode != mutualOff:
		return invalid("Mutual authentication cannot be specified for %s listeners", l.Protocol)
	}
	return nil
}

func (l *listener) changePolicies(to wanted) error {
	if to.policy != "" {
		if _, ok := balancer.PolicyOf(to.policy); !ok {
			return wire.Errorf(api.SSLPolicyNotFoundException, "SSL policy '%s' not found", to.policy)
		}
		l.Policy = to.policy
	}
	if l.Policy == "" {
		l.Policy = balancer.DefaultPolicy
	}
	if len(to.alpn) > 0 {
		_, known := alpnProtocols[to.alpn[0]]
		switch {
		case l.Protocol != api.ProtocolEnumTls:
			return invalid("An ALPN policy cannot be specified for %s listeners", l.Protocol)
		case len(to.alpn) > 1:
			return invalid("Only one ALPN policy can be specified")
		case !known:
			return wire.Errorf(api.ALPNPolicyNotSupportedException, "ALPN policy '%s' not found", to.alpn[0])
		}
		l.ALPN = to.alpn[0]
	}
	if to.mutual == nil || to.mutual.Mode == "" {
		return nil
	}
	if l.Protocol != api.ProtocolEnumHttps {
		return invalid("Mutual authentication cannot be specified for %s listeners", l.Protocol)
	}
	switch l.Mutual = to.mutual.Mode; {
	case l.Mutual != mutualOff && l.Mutual != mutualPassthrough:
		return invalid("Mutual authentication mode '%s' must be one of 'off, passthrough, verify'", l.Mutual)
	case to.mutual.TrustStoreArn != "":
		return invalid("A trust store cannot be specified for mutual authentication mode '%s'", l.Mutual)
	}
	return nil
}

// changeCertificates gives a listener another default certificate.
func (s *Service) changeCertificates(tx *store.Tx, scope store.Scope, l *listener, asked []api.Certificate) error {
	switch {
	case len(asked) > 1:
		return invalid("Only one default certificate can be specified for a listener")
	case len(asked) == 0 && len(l.Certificates) == 0:
		return invalid("A certificate must be specified for %s listeners", l.Protocol)
	case len(asked) == 0:
		return nil
	}
	arn := asked[0].CertificateArn
	if err := s.checkCertificate(tx, scope, arn); err != nil {
		return err
	}
	l.Certificates = append([]string{arn}, l.more()...)
	return nil
}
