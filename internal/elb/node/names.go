package node

import (
	"crypto/tls"
	"path"
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// answers tells how well a host name is that of a listener of the load balancer; see guest.
func answers(b *balancer.Balancer, l *balancer.Listener, host string) int {
	switch {
	case host == "":
		return 0
	case strings.EqualFold(host, b.DNSName):
		return byName
	case ruleNames(l, host) || certificateNames(l, host):
		return byRule
	}
	return 0
}

// ruleNames tells whether a rule of the listener asks for the host name.
func ruleNames(l *balancer.Listener, host string) bool {
	return slices.ContainsFunc(l.Rules, func(r balancer.Rule) bool {
		return slices.ContainsFunc(r.Conditions, func(c balancer.Condition) bool {
			return c.Field == "host-header" && slices.ContainsFunc(c.Values, func(pattern string) bool {
				matched, err := path.Match(strings.ToLower(pattern), host)
				return err == nil && matched
			})
		})
	})
}

// certificateNames tells whether a certificate of the listener is for the host name.
func certificateNames(l *balancer.Listener, host string) bool {
	return l.TLS != nil && slices.ContainsFunc(l.TLS.Certificates, func(c *tls.Certificate) bool {
		return c != nil && c.Leaf != nil && c.Leaf.VerifyHostname(host) == nil
	})
}
