package elb

import (
	"cmp"
	"slices"
	"strconv"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
)

// plainBalancer is what a load balancer is to be, of its record and those that hang on it.
func (s *Service) plainBalancer(scope store.Scope, b *loadBalancer) *balancer.Balancer {
	plain := &balancer.Balancer{
		ARN: arnOf(scope, kindBalancer, b.ID), Name: b.Name, DNSName: b.DNSName, Network: b.network(), VPC: b.VPC,
		Addresses: b.Addresses, CrossZone: b.is(crossZone),
	}
	if b.is(accessLogs) {
		plain.AccessLog = &balancer.AccessLog{Balancer: plain.ARN, Bucket: b.attribute(accessLogsBucket), Prefix: b.attribute(accessLogsPrefix)}
	}
	if !b.network() {
		plain.HTTP = b.http()
	}
	for row := range s.tables.listeners.Find(scope, byBalancer, b.ID) {
		plain.Listeners = append(plain.Listeners, s.plainListener(scope, row.Value))
	}
	return plain
}

func (b *loadBalancer) http() balancer.HTTPSettings {
	return balancer.HTTPSettings{
		IdleTimeout:        b.attributes().seconds(b.Attributes, idleTimeout),
		ClientKeepAlive:    b.attributes().seconds(b.Attributes, clientKeepAlive),
		HTTP2:              b.is(http2Enabled),
		DropInvalidHeaders: b.is(dropInvalid),
		PreserveHost:       b.is(preserveHost),
		TLSHeaders:         b.is(tlsHeaders),
		ClientPort:         b.is(clientPort),
		ForwardedFor:       b.attribute(forwardedFor),
		DesyncMode:         b.attribute(desyncMode),
	}
}

func (s *Service) plainListener(scope store.Scope, l *listener) balancer.Listener {
	plain := balancer.Listener{ARN: arnOf(scope, kindListener, l.ID), Port: l.Port, Protocol: string(l.Protocol), TLS: s.plainTLS(scope, l)}
	if l.Protocol == api.ProtocolEnumTcp {
		plain.IdleTimeout = l.attributes().seconds(l.Attributes, tcpIdleTimeout)
	}
	for key, name := range answerHeaders {
		// What was stored by a release that took any text may not be a header's value.
		if value, a := l.Attributes[key], answer(key, name); value != "" && a.check("Listener", value) == nil {
			if plain.Headers == nil {
				plain.Headers = map[string]string{}
			}
			plain.Headers[name] = value
		}
	}
	if l.Attributes[serverHeader] == "false" {
		if plain.Headers == nil {
			plain.Headers = map[string]string{}
		}
		plain.Headers["Server"] = ""
	}
	for _, r := range s.rulesOf(scope, l.ID) {
		plain.Rules = append(plain.Rules, plainRule(scope, r))
	}
	return plain
}

// rulesOf are the rules of a listener in the order in which they are tried, the default last.
func (s *Service) rulesOf(scope store.Scope, listener string) (rules []*rule) {
	for row := range s.tables.rules.Find(scope, byListener, listener) {
		rules = append(rules, row.Value)
	}
	slices.SortFunc(rules, func(a, b *rule) int {
		if (a.Priority == 0) != (b.Priority == 0) {
			return cmp.Compare(b.Priority, a.Priority)
		}
		return cmp.Compare(a.Priority, b.Priority)
	})
	return rules
}

// plainTLS are a listener's certificates. One that can't be had is left out, and told.
func (s *Service) plainTLS(scope store.Scope, l *listener) *balancer.TLSSettings {
	if !l.secure() {
		return nil
	}
	settings := &balancer.TLSSettings{Policy: l.Policy, ALPN: alpnProtocols[l.ALPN], Mutual: cmp.Or(l.Mutual, mutualOff)}
	for i, arn := range l.Certificates {
		if slices.Contains(l.Certificates[:i], arn) {
			continue
		}
		certificate, err := s.config.Certificates.Certificate(scope, arn)
		if err != nil {
			s.log.Warn("a listener is without a certificate of its own", "listener", l.ID, "certificate", arn, "error", err)
			continue
		}
		settings.Certificates = append(settings.Certificates, certificate)
	}
	return settings
}

func plainRule(scope store.Scope, r *rule) balancer.Rule {
	plain := balancer.Rule{ARN: arnOf(scope, kindRule, r.ID), Priority: int(r.Priority)}
	for _, c := range r.Conditions {
		plain.Conditions = append(plain.Conditions, plainCondition(c))
	}
	for _, a := range r.Actions {
		plain.Action = plainAction(a)
	}
	return plain
}

func plainAction(a api.Action) (plain balancer.Action) {
	switch a.Type {
	case api.ActionTypeEnumForward:
		plain.Forward = &balancer.Forward{}
		for _, g := range a.ForwardConfig.TargetGroups {
			plain.Forward.Groups = append(plain.Forward.Groups, balancer.Weighted{Group: g.TargetGroupArn, Weight: weightOf(g)})
		}
		if config := a.ForwardConfig.TargetGroupStickinessConfig; config != nil && or(config.Enabled, false) {
			plain.Forward.Sticky = seconds(or(config.DurationSeconds, defaultSticky))
		}
	case api.ActionTypeEnumRedirect:
		to := a.RedirectConfig
		plain.Redirect = &balancer.Redirect{Status: redirectStatus[to.StatusCode], Protocol: to.Protocol, Port: to.Port,
			Host: locationOr(to.Host, "#{host}"), Path: locationOr(to.Path, "/#{path}"), Query: locationOr(to.Query, "#{query}")}
	case api.ActionTypeEnumFixedResponse:
		answer := a.FixedResponseConfig
		status, _ := strconv.Atoi(answer.StatusCode) // the model says that it is a number
		plain.Fixed = &balancer.Fixed{Status: status, ContentType: cmp.Or(answer.ContentType, "text/plain"), Body: answer.MessageBody}
	}
	return plain
}

// locationOr is a part of a redirection, or the one that requests have where it can't be in a header: it was stored by a release that
// took any.
func locationOr(part, kept string) string {
	if part == "" || locationPart.MatchString(part) {
		return part
	}
	return kept
}

var redirectStatus = map[api.RedirectActionStatusCodeEnum]int{
	api.RedirectActionStatusCodeEnumHttp301: 301,
	api.RedirectActionStatusCodeEnumHttp302: 302,
}
