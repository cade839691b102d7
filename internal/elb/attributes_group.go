package elb

import (
	"context"
	"regexp"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
)

// The attributes of target groups.
const (
	deregistrationDelay = "deregistration_delay.timeout_seconds"
	terminate           = "deregistration_delay.connection_termination.enabled"
	sticky              = "stickiness.enabled"
	stickyType          = "stickiness.type"
	cookieDuration      = "stickiness.lb_cookie.duration_seconds"
	appCookie           = "stickiness.app_cookie.cookie_name"
	appCookieDuration   = "stickiness.app_cookie.duration_seconds"
	slowStart           = "slow_start.duration_seconds"
	algorithm           = "load_balancing.algorithm.type"
	preserveClientIP    = "preserve_client_ip.enabled"
	proxyProtocol       = "proxy_protocol_v2.enabled"
)

const (
	whyNoAnomaly  = "anomalies of targets are not looked for"
	whyNoFailover = "a group fails open when no target of it is healthy, which is AWS's default"
	whyUnhealthy  = "connections of a target that becomes unhealthy are closed at once, which is AWS's default"
)

const week = 7 * 24 * 60 * 60 // seconds

// groupHealth are the attributes about how many targets have to be healthy.
func groupHealth() (all attributes) {
	for _, about := range []string{"dns_failover", "unhealthy_state_routing"} {
		prefix := "target_group_health." + about + ".minimum_healthy_targets."
		all = append(all, oneOf(prefix+"count", "1").refusing(whyNoFailover), oneOf(prefix+"percentage", "off").refusing(whyNoFailover))
	}
	for i := range all {
		all[i].values = nil // numbers, or off
	}
	return all
}

var httpGroupAttributes = append(attributes{
	number(deregistrationDelay, 300, 0, 3600),
	oneOf("load_balancing.algorithm.anomaly_mitigation", "off", "on").refusing(whyNoAnomaly),
	oneOf(algorithm, "round_robin", "least_outstanding_requests", "weighted_random"),
	oneOf(crossZone, "use_load_balancer_configuration", "true", "false"),
	number(slowStart, 0, 0, 900),
	text(appCookie),
	number(appCookieDuration, 86400, 1, week),
	boolean(sticky, "false"),
	number(cookieDuration, 86400, 1, week),
	oneOf(stickyType, "lb_cookie", "app_cookie"),
}, groupHealth()...)

func networkGroupAttributes(terminates, preserves string) attributes {
	return append(attributes{
		boolean(terminate, terminates),
		number(deregistrationDelay, 300, 0, 3600),
		oneOf(crossZone, "use_load_balancer_configuration", "true", "false"),
		boolean(preserveClientIP, preserves),
		boolean(proxyProtocol, "false"),
		boolean(sticky, "false"),
		oneOf(stickyType, "source_ip"),
		boolean("target_health_state.unhealthy.connection_termination.enabled", "true").refusing(whyUnhealthy),
		number("target_health_state.unhealthy.draining_interval_seconds", 0, 0, 360000).refusing(whyUnhealthy),
	}, groupHealth()...)
}

// By whether the protocol is one of datagrams, and whether targets are addresses.
var (
	udpGroupAttributes   = networkGroupAttributes("true", "true")
	tcpGroupAttributes   = networkGroupAttributes("false", "true")
	tcpIPGroupAttributes = networkGroupAttributes("false", "false")
)

// attributes are those that a group of its protocol has.
func (g *targetGroup) attributes() attributes {
	switch {
	case g.application():
		return httpGroupAttributes
	case g.Protocol == api.ProtocolEnumUdp || g.Protocol == api.ProtocolEnumTcpUdp:
		return udpGroupAttributes
	case g.Target == api.TargetTypeEnumIp:
		return tcpIPGroupAttributes
	}
	return tcpGroupAttributes
}

// application tells whether the group is one of application load balancers.
func (g *targetGroup) application() bool {
	return g.Protocol == api.ProtocolEnumHttp || g.Protocol == api.ProtocolEnumHttps
}

func (g *targetGroup) attribute(key string) string { return g.attributes().value(g.Attributes, key) }
func (g *targetGroup) is(key string) bool          { return g.attribute(key) == "true" }

func (g *targetGroup) seconds(key string) time.Duration {
	return g.attributes().seconds(g.Attributes, key)
}

// delay is how long targets of the group drain.
func (g *targetGroup) delay() time.Duration { return g.seconds(deregistrationDelay) }

func (g *targetGroup) describeAttributes() []api.TargetGroupAttribute {
	all := []api.TargetGroupAttribute{}
	for _, p := range g.attributes().all(g.Attributes) {
		all = append(all, api.TargetGroupAttribute{Key: p.key, Value: p.value})
	}
	return all
}

// DescribeTargetGroupAttributes lists the attributes of a target group, with defaults.
func (s *Service) DescribeTargetGroupAttributes(ctx context.Context, in *api.DescribeTargetGroupAttributesInput) (*api.DescribeTargetGroupAttributesOutput, error) {
	g, err := s.groups().get(scopeOf(ctx), in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeTargetGroupAttributesOutput{Attributes: g.describeAttributes()}, nil
}

// ModifyTargetGroupAttributes sets attributes of a target group.
func (s *Service) ModifyTargetGroupAttributes(ctx context.Context, in *api.ModifyTargetGroupAttributesInput) (*api.ModifyTargetGroupAttributesOutput, error) {
	var pairs []pair
	for _, a := range in.Attributes {
		pairs = append(pairs, pair{a.Key, a.Value})
	}
	g, err := s.groups().modify(ctx, s, in.TargetGroupArn, func(_ *store.Tx, g *targetGroup) (err error) {
		if err := g.checkAttributes(pairs); err != nil {
			return err
		}
		g.Attributes, err = g.attributes().with(g.Attributes, "Target group", pairs)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.ModifyTargetGroupAttributesOutput{Attributes: g.describeAttributes()}, nil
}

// cookieName is a token of HTTP.
var cookieName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// checkAttributes refuses what goes against the group's protocol or against each other.
func (g *targetGroup) checkAttributes(pairs []pair) error {
	for _, p := range pairs {
		switch {
		case p.key == stickyType && g.application() != (p.value != "source_ip"):
			return contradicts("Stickiness type '%s' is not supported for target groups with the %s protocol", p.value, g.Protocol)
		case p.key == appCookie && p.value != "" && (!cookieName.MatchString(p.value) || strings.HasPrefix(p.value, "AWSALB")):
			return invalid("Target group attribute value '%s' for '%s' is not valid: it must be the name of a cookie that does not begin with 'AWSALB'", p.value, p.key)
		case p.key == slowStart && !(p.value == "0" || between(p.value, 30, 900)):
			return invalid("Target group attribute value '%s' for '%s' is not valid: it must be between '30' and '900', or 0 to disable", p.value, p.key)
		case p.key == preserveClientIP && p.value == "false" && (g.Protocol == api.ProtocolEnumUdp || g.Protocol == api.ProtocolEnumTcpUdp):
			return contradicts("Client IP preservation can not be disabled for target groups with the %s protocol", g.Protocol)
		case p.key == sticky && p.value == "true" && g.Protocol == api.ProtocolEnumTls:
			return contradicts("Stickiness is not supported for target groups with the TLS protocol")
		}
	}
	after, err := g.attributes().with(g.Attributes, "Target group", pairs)
	if err != nil || !g.application() {
		return err
	}
	value := func(key string) string { return g.attributes().value(after, key) }
	switch {
	case value(sticky) == "true" && value(stickyType) == "app_cookie" && value(appCookie) == "":
		return contradicts("An application cookie name must be specified when the stickiness type is app_cookie")
	case value(slowStart) != "0" && value(algorithm) != "round_robin":
		return contradicts("Slow start is only supported with the round_robin load balancing algorithm")
	}
	return nil
}
