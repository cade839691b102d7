package elb

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// defaultSticky is for how many seconds clients stay with a group when that was not said.
const defaultSticky = 3600

func badAction(format string, args ...any) error {
	return wire.Errorf(api.InvalidLoadBalancerActionException, format, args...)
}

// checkActions are the actions of a request as they are kept: what becomes of the listener's requests, exactly one of them.
func (s *Service) checkActions(tx *store.Tx, scope store.Scope, b *loadBalancer, l *listener, asked []api.Action) ([]api.Action, error) {
	switch {
	case len(asked) == 0:
		return nil, invalid("An action must be specified")
	case len(asked) > 1:
		return nil, badAction("You must specify exactly one action of type 'forward', 'redirect' or 'fixed-response', as the last action")
	}
	a := asked[0]
	if b.network() && a.Type != api.ActionTypeEnumForward {
		return nil, badAction("The action type '%s' is not valid with network load balancer", a.Type)
	}
	var err error
	switch a.Type {
	case api.ActionTypeEnumForward:
		if a.ForwardConfig, err = s.checkForward(tx, scope, b, l, a); err == nil {
			a = forwardTo(a)
		}
	case api.ActionTypeEnumRedirect:
		a.RedirectConfig, err = checkRedirect(l, a.RedirectConfig)
	case api.ActionTypeEnumFixedResponse:
		err = checkFixed(a.FixedResponseConfig)
	}
	if err != nil {
		return nil, err
	}
	return []api.Action{a}, nil
}

// forwardTo is a forward action with its group also where requests with one group have it.
func forwardTo(a api.Action) api.Action {
	if a.TargetGroupArn = ""; len(a.ForwardConfig.TargetGroups) == 1 {
		a.TargetGroupArn = a.ForwardConfig.TargetGroups[0].TargetGroupArn
	}
	return a
}

func (s *Service) checkForward(tx *store.Tx, scope store.Scope, b *loadBalancer, l *listener, a api.Action) (*api.ForwardActionConfig, error) {
	config := api.ForwardActionConfig{}
	if a.ForwardConfig != nil {
		config = *a.ForwardConfig
	}
	switch {
	case len(config.TargetGroups) == 0 && a.TargetGroupArn == "":
		return nil, badAction("A target group ARN must be specified for actions of type 'forward'")
	case len(config.TargetGroups) == 0:
		config.TargetGroups = []api.TargetGroupTuple{{TargetGroupArn: a.TargetGroupArn}}
	case a.TargetGroupArn != "" && (len(config.TargetGroups) > 1 || config.TargetGroups[0].TargetGroupArn != a.TargetGroupArn):
		return nil, badAction("You can specify both a target group ARN and a list of target groups only if the list has that target group alone")
	case len(config.TargetGroups) > maxActionGroups:
		return nil, wire.Errorf(api.TooManyTargetGroupsException, "The maximum number of target groups per action has been reached: %d", maxActionGroups)
	}
	config.TargetGroups = slices.Clone(config.TargetGroups)
	var seen []string
	for i := range config.TargetGroups {
		g := &config.TargetGroups[i]
		if g.Weight = ptr(int32(weightOf(*g))); *g.Weight < 0 || *g.Weight > 999 {
			return nil, badAction("The weight '%d' of target group '%s' must be between '0' and '999'", *g.Weight, g.TargetGroupArn)
		}
		if slices.Contains(seen, g.TargetGroupArn) {
			return nil, badAction("Target group '%s' was specified more than once", g.TargetGroupArn)
		}
		seen = append(seen, g.TargetGroupArn)
		if err := s.checkGroup(tx, scope, b, l, g.TargetGroupArn); err != nil {
			return nil, err
		}
	}
	var err error
	config.TargetGroupStickinessConfig, err = checkStickiness(config.TargetGroupStickinessConfig, b)
	return &config, err
}

func checkStickiness(asked *api.TargetGroupStickinessConfig, b *loadBalancer) (*api.TargetGroupStickinessConfig, error) {
	if asked == nil || !or(asked.Enabled, false) {
		if b.network() {
			return nil, nil
		}
		return &api.TargetGroupStickinessConfig{Enabled: ptr(false)}, nil
	}
	switch {
	case b.network():
		return nil, badAction("Target group stickiness is not valid with network load balancer")
	case asked.DurationSeconds == nil:
		return nil, badAction("A duration must be specified when target group stickiness is enabled")
	case *asked.DurationSeconds < 1 || *asked.DurationSeconds > week:
		return nil, badAction("The duration '%d' of target group stickiness must be between '1' and '%d'", *asked.DurationSeconds, week)
	}
	return asked, nil
}

// checkGroup tells whether a listener may forward to a group.
func (s *Service) checkGroup(tx *store.Tx, scope store.Scope, b *loadBalancer, l *listener, arn string) error {
	g, err := s.groups().getTx(tx, scope, arn)
	if err != nil {
		return err
	}
	switch {
	case g.VPC != b.VPC:
		return contradicts("The following target groups are not in the same VPC as the load balancer: '%s'", arn)
	case !slices.Contains(forwards[l.Protocol], g.Protocol):
		return wire.Errorf(api.IncompatibleProtocolsException, "Listener protocol '%s' is not supported with a target group with the protocol '%s'", l.Protocol, g.Protocol)
	case g.Version == balancer.GRPC && l.Protocol != api.ProtocolEnumHttps:
		return contradicts("Listener protocol '%s' is not supported with a target group with the protocol-version '%s'", l.Protocol, g.Version)
	}
	if err := s.checkAlone(tx, scope, b.ID, arn); err != nil {
		return err
	}
	groups := map[string]bool{arn: true}
	for _, row := range s.tables.rules.FindTx(tx, scope, byBalancer, b.ID) {
		for _, used := range groupsOf(row.Value.Actions) {
			groups[used] = true
		}
	}
	if len(groups) > maxBalancerGroups {
		return wire.Errorf(api.TooManyUniqueTargetGroupsPerLoadBalancerException, "The maximum number of unique target groups per load balancer has been reached: %d", maxBalancerGroups)
	}
	return nil
}

// checkAlone refuses a group that another load balancer forwards to.
func (s *Service) checkAlone(tx *store.Tx, scope store.Scope, balancer, arn string) error {
	for _, row := range s.tables.rules.FindTx(tx, scope, byGroup, arn) {
		if row.Value.Balancer != balancer {
			return wire.Errorf(api.TargetGroupAssociationLimitException, "The following target groups cannot be associated with more than one load balancer: %s", arn)
		}
	}
	return nil
}

// forwards are the protocols of the groups that listeners of a protocol forward to.
var forwards = map[api.ProtocolEnum][]api.ProtocolEnum{
	api.ProtocolEnumHttp:   {api.ProtocolEnumHttp, api.ProtocolEnumHttps},
	api.ProtocolEnumHttps:  {api.ProtocolEnumHttp, api.ProtocolEnumHttps},
	api.ProtocolEnumTcp:    {api.ProtocolEnumTcp, api.ProtocolEnumTcpUdp},
	api.ProtocolEnumTls:    {api.ProtocolEnumTcp, api.ProtocolEnumTls, api.ProtocolEnumTcpUdp},
	api.ProtocolEnumUdp:    {api.ProtocolEnumUdp, api.ProtocolEnumTcpUdp},
	api.ProtocolEnumTcpUdp: {api.ProtocolEnumTcpUdp},
}

var locationPart = regexp.MustCompile(`^[\x21-\x7e]+$`)

// checkRedirect is a redirection with the parts that it keeps.
func checkRedirect(l *listener, asked *api.RedirectActionConfig) (*api.RedirectActionConfig, error) {
	if asked == nil {
		return nil, badAction("A redirect configuration must be specified for actions of type 'redirect'")
	}
	to := *asked
	for part, kept := range map[*string]string{&to.Protocol: "#{protocol}", &to.Port: "#{port}", &to.Host: "#{host}", &to.Path: "/#{path}", &to.Query: "#{query}"} {
		if *part == "" {
			*part = kept
		}
	}
	for _, part := range []string{to.Host, to.Path, to.Query} { // of a header, where a line break would begin another
		if part != "" && !locationPart.MatchString(part) {
			return nil, badAction("The redirect configuration is not valid because '%s' contains a character that is not valid", part)
		}
	}
	switch {
	case to.Port != "#{port}" && !between(to.Port, 1, 65535):
		return nil, badAction("The redirect port '%s' must be in the range 1-65535 or '#{port}'", to.Port)
	case !strings.HasPrefix(to.Path, "/"):
		return nil, badAction("The redirect path '%s' must begin with a '/' character", to.Path)
	case l.Protocol == api.ProtocolEnumHttps && to.Protocol == "HTTP":
		return nil, badAction("You cannot redirect from HTTPS to HTTP")
	case !strings.Contains(to.Protocol, "{") && to.Protocol != string(l.Protocol):
	case to.Port != "#{port}" && to.Port != strconv.Itoa(int(l.Port)):
	case to.Host != "#{host}", to.Path != "/#{path}", to.Query != "#{query}":
	default:
		return nil, badAction("The redirect configuration is not valid because it creates a loop.")
	}
	return &to, nil
}

// contentTypes are those that fixed answers may have.
var contentTypes = []string{"text/plain", "text/css", "text/html", "application/javascript", "application/json"}

func checkFixed(answer *api.FixedResponseActionConfig) error {
	switch {
	case answer == nil:
		return badAction("A fixed response configuration must be specified for actions of type 'fixed-response'")
	case answer.ContentType != "" && !slices.Contains(contentTypes, answer.ContentType):
		return badAction("The ContentType must be one of:'%s'", strings.Join(contentTypes, "', '"))
	}
	return nil
}
