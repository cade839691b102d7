package elb

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
)

// The fields of conditions.
const (
	hostHeader    = "host-header"
	pathPattern   = "path-pattern"
	httpHeader    = "http-header"
	requestMethod = "http-request-method"
	queryString   = "query-string"
	sourceIP      = "source-ip"
)

// conditionFields are all of them, and once those of which a rule has one condition at the most.
var (
	conditionFields = []string{pathPattern, hostHeader, httpHeader, requestMethod, queryString, sourceIP}
	once            = []string{hostHeader, pathPattern, requestMethod, sourceIP}
)

// checkConditions are the conditions of a request as they are kept: each with its configuration, whichever way its values came.
func checkConditions(asked []api.RuleCondition) ([]api.RuleCondition, error) {
	if len(asked) == 0 {
		return nil, invalid("A condition must be specified")
	}
	var kept []api.RuleCondition
	values, wildcards := 0, 0
	for _, c := range asked {
		if slices.Contains(once, c.Field) && slices.ContainsFunc(kept, func(k api.RuleCondition) bool { return k.Field == c.Field }) {
			return nil, invalid("A rule can only have one '%s' condition", c.Field)
		}
		k, err := checkCondition(c)
		if err != nil {
			return nil, err
		}
		kept = append(kept, k)
		for _, v := range texts(k) {
			wildcards += strings.Count(v, "*") + strings.Count(v, "?")
		}
		values += len(valuesOf(k))
		if k.QueryStringConfig != nil {
			values += len(k.QueryStringConfig.Values)
		}
	}
	switch {
	case values > maxConditionValues:
		return nil, invalid("A rule can only have '%d' condition values", maxConditionValues)
	case wildcards > maxConditionWildcards:
		return nil, invalid("A rule can only have '%d' condition wildcards", maxConditionWildcards)
	}
	return kept, nil
}

// checkCondition is a condition as it is kept.
func checkCondition(c api.RuleCondition) (api.RuleCondition, error) {
	if !slices.Contains(conditionFields, c.Field) {
		return c, invalid("Condition field '%s' must be one of '[%s]'", c.Field, strings.Join(conditionFields, ", "))
	}
	configured := map[string]bool{
		hostHeader: c.HostHeaderConfig != nil, pathPattern: c.PathPatternConfig != nil, httpHeader: c.HttpHeaderConfig != nil,
		requestMethod: c.HttpRequestMethodConfig != nil, queryString: c.QueryStringConfig != nil, sourceIP: c.SourceIpConfig != nil,
	}
	for _, field := range conditionFields {
		if configured[field] && field != c.Field {
			return c, invalid("You cannot specify the configuration of a '%s' condition for the condition field '%s'", field, c.Field)
		}
	}
	kept := api.RuleCondition{Field: c.Field}
	switch c.Field {
	case hostHeader:
		if kept.HostHeaderConfig = c.HostHeaderConfig; kept.HostHeaderConfig == nil {
			kept.HostHeaderConfig = &api.HostHeaderConditionConfig{Values: c.Values}
		}
	case pathPattern:
		if kept.PathPatternConfig = c.PathPatternConfig; kept.PathPatternConfig == nil {
			kept.PathPatternConfig = &api.PathPatternConditionConfig{Values: c.Values}
		}
	case httpHeader:
		kept.HttpHeaderConfig = c.HttpHeaderConfig
	case requestMethod:
		kept.HttpRequestMethodConfig = c.HttpRequestMethodConfig
	case queryString:
		kept.QueryStringConfig = c.QueryStringConfig
	case sourceIP:
		kept.SourceIpConfig = c.SourceIpConfig
	}
	if c.Values != nil && (c.Field != hostHeader && c.Field != pathPattern || c.HostHeaderConfig != nil || c.PathPatternConfig != nil) {
		return c, invalid("You cannot specify both the values of a '%s' condition and its configuration", c.Field)
	}
	return kept, checkValues(kept)
}

// valuesOf are the values of a condition that are no pairs.
func valuesOf(c api.RuleCondition) []string {
	switch {
	case c.HostHeaderConfig != nil:
		return c.HostHeaderConfig.Values
	case c.PathPatternConfig != nil:
		return c.PathPatternConfig.Values
	case c.HttpHeaderConfig != nil:
		return c.HttpHeaderConfig.Values
	case c.HttpRequestMethodConfig != nil:
		return c.HttpRequestMethodConfig.Values
	case c.SourceIpConfig != nil:
		return c.SourceIpConfig.Values
	}
	return nil
}

// texts are all that a condition compares with.
func texts(c api.RuleCondition) []string {
	all := slices.Clone(valuesOf(c))
	if c.QueryStringConfig != nil {
		for _, pair := range c.QueryStringConfig.Values {
			all = append(all, pair.Key, pair.Value)
		}
	}
	return all
}

const maxConditionValue = 128

var (
	hostCharacters   = regexp.MustCompile(`^[A-Za-z0-9.*?-]+$`)
	pathCharacters   = regexp.MustCompile("^[A-Za-z0-9_.$/~\"'@:+&*?-]+$")
	methodCharacters = regexp.MustCompile(`^[A-Z_-]{1,40}$`)
	headerName       = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}$")
	printable        = regexp.MustCompile(`^[\x20-\x7e]+$`)
)

// characters are what the values of each field are made of.
var characters = map[string]*regexp.Regexp{
	hostHeader: hostCharacters, pathPattern: pathCharacters, requestMethod: methodCharacters, httpHeader: printable, queryString: printable, sourceIP: printable,
}

func checkValues(c api.RuleCondition) error {
	all := texts(c)
	if len(all) == 0 {
		return invalid("A condition value must be specified for the '%s' condition", c.Field)
	}
	for i, v := range all {
		isKey := c.QueryStringConfig != nil && i%2 == 0
		switch {
		case v == "" && isKey: // any
		case v == "":
			return invalid("A condition value must be specified for the '%s' condition", c.Field)
		case len(v) > maxConditionValue:
			return invalid("The condition value '%s' cannot be longer than '%d' characters", v, maxConditionValue)
		case !characters[c.Field].MatchString(v):
			return invalid("The condition value '%s' contains a character that is not valid", v)
		case c.Field == sourceIP && !isRange(v):
			return invalid("The condition value '%s' must be a range of IP addresses in CIDR format", v)
		}
	}
	if h := c.HttpHeaderConfig; h != nil && (!headerName.MatchString(h.HttpHeaderName) || strings.EqualFold(h.HttpHeaderName, "host")) {
		return invalid("The HTTP header name '%s' is not valid", h.HttpHeaderName)
	}
	return nil
}

func isRange(text string) bool {
	prefix, err := netip.ParsePrefix(text)
	return err == nil && prefix.String() != "255.255.255.255/32"
}

// describeCondition is a condition as answers have it.
func describeCondition(c api.RuleCondition) api.RuleCondition {
	if c.HostHeaderConfig != nil || c.PathPatternConfig != nil {
		c.Values = valuesOf(c)
	}
	return c
}
