package elb

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
)

// plainGroup is what a target group is to be. Targets of zones that its load balancers are not in are left out.
func (s *Service) plainGroup(scope store.Scope, g *targetGroup) *balancer.Group {
	arn := arnOf(scope, kindGroup, g.ID)
	plain := &balancer.Group{
		ARN: arn, Name: g.Name, Protocol: string(g.Protocol), Version: g.Version, VPC: g.VPC, Instance: g.Target == api.TargetTypeEnumInstance,
		Algorithm: g.attribute(algorithm), SlowStart: g.seconds(slowStart), Delay: g.delay(), Terminate: g.is(terminate),
		PreserveClientIP: g.is(preserveClientIP), ProxyProtocol: g.is(proxyProtocol), CrossZone: g.attribute(crossZone), Check: g.Check.plain(),
	}
	if g.is(sticky) {
		plain.Stickiness = g.stickiness()
	}
	zones := s.zonesOf(scope, arn)
	for row := range s.tables.targets.Find(scope, byGroup, g.ID) {
		t := row.Value
		if zones.has(t.Zone) {
			plain.Targets = append(plain.Targets, balancer.Target{ID: t.ID, Port: t.Port, Zone: t.Zone, DrainingSince: t.DrainingSince})
		}
	}
	return plain
}

func (g *targetGroup) stickiness() balancer.Stickiness {
	kept := balancer.Stickiness{Kind: g.attribute(stickyType)}
	switch kept.Kind {
	case "lb_cookie":
		kept.For = g.seconds(cookieDuration)
	case "app_cookie":
		kept.For, kept.Cookie = g.seconds(appCookieDuration), g.attribute(appCookie)
	}
	return kept
}

func (c check) plain() balancer.Check {
	plain := balancer.Check{Enabled: c.Enabled, Protocol: string(c.Protocol), Path: c.Path, Interval: seconds(c.Interval), Timeout: seconds(c.Timeout),
		Healthy: int(c.Healthy), Unhealthy: int(c.Unhealthy), Codes: c.Codes}
	if port, err := strconv.ParseUint(c.Port, 10, 16); err == nil {
		plain.Port = uint16(port)
	}
	return plain
}

// plainCondition is a condition as it was checked (see checkCondition).
func plainCondition(c api.RuleCondition) balancer.Condition {
	plain := balancer.Condition{Field: c.Field}
	switch {
	case c.HostHeaderConfig != nil:
		plain.Values = c.HostHeaderConfig.Values
	case c.PathPatternConfig != nil:
		plain.Values = c.PathPatternConfig.Values
	case c.HttpHeaderConfig != nil:
		plain.Header, plain.Values = c.HttpHeaderConfig.HttpHeaderName, c.HttpHeaderConfig.Values
	case c.HttpRequestMethodConfig != nil:
		plain.Values = c.HttpRequestMethodConfig.Values
	case c.QueryStringConfig != nil:
		for _, pair := range c.QueryStringConfig.Values {
			plain.Query = append(plain.Query, balancer.QueryValue{Key: pair.Key, Value: pair.Value})
		}
	case c.SourceIpConfig != nil:
		for _, text := range c.SourceIpConfig.Values {
			if prefix, err := netip.ParsePrefix(strings.TrimSpace(text)); err == nil {
				plain.Ranges = append(plain.Ranges, prefix.Masked())
			}
		}
	}
	return plain
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
