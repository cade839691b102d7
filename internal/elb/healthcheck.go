package elb

import (
	"slices"
	"strconv"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
)

// trafficPort is the port of a health check that goes where the traffic does.
const trafficPort = "traffic-port"

// newCheck is the health check that a group has unless more is asked for.
func (g *targetGroup) newCheck(protocol api.ProtocolEnum) check {
	c := check{Enabled: true, Protocol: protocol, Port: trafficPort, Interval: 30, Healthy: 5, Unhealthy: 2}
	if c.Protocol == "" {
		c.Protocol = api.ProtocolEnumTcp
		if g.application() {
			c.Protocol = api.ProtocolEnumHttp
		}
	}
	switch {
	case g.application():
		c.Timeout, c.Path, c.Codes = 5, "/", "200"
		if g.Version == balancer.GRPC {
			c.Path, c.Codes = "/AWS.ALB/healthcheck", "12"
		}
	case c.Protocol == api.ProtocolEnumTcp:
		c.Timeout = 10
	case c.Protocol == api.ProtocolEnumHttp:
		c.Timeout, c.Path, c.Codes = 6, "/", "200-399"
	default:
		c.Timeout, c.Path, c.Codes = 10, "/", "200-399"
	}
	return c
}

// asked is what a request says of a health check.
type asked struct {
	protocol                              api.ProtocolEnum
	port, path                            string
	enabled                               *bool
	interval, timeout, healthy, unhealthy *int32
	matcher                               *api.Matcher
}

// change makes a group's health check be what a request says.
func (g *targetGroup) change(to asked) error {
	c := g.Check
	if to.protocol != "" && to.protocol != c.Protocol {
		fresh := g.newCheck(to.protocol)
		c.Protocol, c.Path, c.Codes, c.Timeout = fresh.Protocol, fresh.Path, fresh.Codes, min(c.Timeout, fresh.Timeout)
	}
	if to.port != "" {
		c.Port = to.port
	}
	c.Enabled = or(to.enabled, c.Enabled)
	c.Interval, c.Timeout = or(to.interval, c.Interval), or(to.timeout, c.Timeout)
	c.Healthy, c.Unhealthy = or(to.healthy, c.Healthy), or(to.unhealthy, c.Unhealthy)
	if to.interval != nil && to.timeout == nil {
		c.Timeout = min(c.Timeout, g.longest(c.Interval)) // the default gives way
	}
	if c.Protocol == api.ProtocolEnumTcp && (to.path != "" || to.matcher != nil && (to.matcher.HttpCode != "" || to.matcher.GrpcCode != "")) {
		return invalid("Health check paths and matchers are not supported for health checks with the TCP protocol")
	}
	if to.path != "" {
		c.Path = to.path
	}
	if err := g.changeCodes(&c, to.matcher); err != nil {
		return err
	}
	g.Check = c
	return g.checkCheck()
}

func (g *targetGroup) changeCodes(c *check, matcher *api.Matcher) error {
	if matcher == nil {
		return nil
	}
	codes, other, least, most, what := matcher.HttpCode, matcher.GrpcCode, 200, 499, "HTTP"
	if g.Version == balancer.GRPC {
		codes, other, least, most, what = matcher.GrpcCode, matcher.HttpCode, 0, 99, "gRPC"
	}
	if !g.application() {
		most = 599
	}
	switch {
	case other != "":
		return invalid("Health check matcher codes of target groups with this protocol version must be %s codes", what)
	case codes == "" && c.Protocol == api.ProtocolEnumTcp:
		return nil
	case codes == "":
		return invalid("Health check matcher %s code cannot be empty", what)
	case !codeList(codes, least, most):
		return invalid("Health check matcher %s code '%s' must be within '%d-%d' and a comma separated list or a range", what, codes, least, most)
	}
	c.Codes = codes
	return nil
}

// codeList tells whether text is a list of codes and ranges of codes: "200,202-299".
func codeList(text string, least, most int) bool {
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !between(from, least, most) || isRange && !between(to, least, most) {
			return false
		}
		if a, b := atoi(from), atoi(to); isRange && a > b {
			return false
		}
	}
	return true
}

func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// checkCheck refuses what a health check cannot be.
func (g *targetGroup) checkCheck() error {
	c := g.Check
	allowed := []api.ProtocolEnum{api.ProtocolEnumHttp, api.ProtocolEnumHttps, api.ProtocolEnumTcp}
	if g.application() {
		allowed = allowed[:2]
	}
	switch {
	case !slices.Contains(allowed, c.Protocol):
		return invalid("Health check protocol '%s' is not supported for target groups with the %s protocol", c.Protocol, g.Protocol)
	case c.Port != trafficPort && !between(c.Port, 1, 65535):
		return invalid("Health check port '%s' must be in the range 1-65535 or 'traffic-port'", c.Port)
	case !c.Enabled:
		return invalid("Health check enabled must be true for target groups with target type '%s'", g.Target)
	case c.Path != "" && !strings.HasPrefix(c.Path, "/"):
		return invalid("Health check path '%s' must begin with a '/' character", c.Path)
	case c.Timeout > g.longest(c.Interval):
		return invalid("Health check timeout '%d' must be smaller than the interval '%d'", c.Timeout, c.Interval)
	}
	return nil
}

// longest is the longest timeout of a health check.
func (g *targetGroup) longest(interval int32) int32 {
	if g.application() {
		return interval - 1
	}
	return interval
}
