package proxy

import (
	"bytes"
	"net/netip"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// rule is a listener's rule, made ready for matching.
type rule struct {
	*balancer.Rule
	conditions []condition
	shares     shares
}

// condition is met when one of its values matches.
type condition struct {
	field  string
	header string // in lower case
	values []pattern
	keys   []pattern // of query-string, beside values
	ranges []netip.Prefix
}

func compileRules(from []balancer.Rule) []rule {
	rules := make([]rule, len(from))
	for i := range from {
		rules[i] = rule{Rule: &from[i]}
		for _, c := range from[i].Conditions {
			rules[i].conditions = append(rules[i].conditions, compileCondition(c))
		}
		if f := from[i].Action.Forward; f != nil {
			rules[i].shares = newShares(f.Groups)
		}
	}
	return rules
}

func compileCondition(from balancer.Condition) condition {
	c := condition{field: from.Field, header: lower(from.Header), ranges: from.Ranges}
	insensitive := from.Field != "path-pattern" && from.Field != "http-request-method"
	for _, v := range from.Values {
		p := newPattern(v, insensitive)
		if from.Field == "http-request-method" { // has no wildcards
			p = pattern{plain: v, exact: true}
		}
		c.values = append(c.values, p)
	}
	for _, q := range from.Query {
		key := q.Key
		if key == "" {
			key = "*"
		}
		c.keys = append(c.keys, newPattern(key, true))
		c.values = append(c.values, newPattern(q.Value, true))
	}
	return c
}

func lower(s string) string { return string(bytes.ToLower([]byte(s))) }

// match finds the rule for a request: the first whose conditions are all met. The last has none.
func match(rules []rule, r *request) *rule {
	for i := range rules {
		if rules[i].met(r) {
			return &rules[i]
		}
	}
	return nil
}

func (l *rule) met(r *request) bool {
	for i := range l.conditions {
		if !l.conditions[i].met(r) {
			return false
		}
	}
	return true
}

func (c *condition) met(r *request) bool {
	switch c.field {
	case "host-header":
		return c.any(r.hostname())
	case "path-pattern":
		return c.any(r.cleanPath())
	case "http-request-method":
		return c.any(r.method)
	case "http-header":
		for i := range r.fields {
			if f := &r.fields[i]; equalFold(r.name(f), c.header) && c.any(r.value(f)) {
				return true
			}
		}
	case "query-string":
		return c.anyQuery(r.query)
	case "source-ip":
		for _, p := range c.ranges {
			if p.Contains(r.client.Addr().Unmap()) {
				return true
			}
		}
	}
	return false
}

func (c *condition) any(s []byte) bool {
	for i := range c.values {
		if c.values[i].match(s) {
			return true
		}
	}
	return false
}

// anyQuery looks at each parameter of the query, as it was sent.
func (c *condition) anyQuery(query []byte) bool {
	for len(query) > 0 {
		var parameter []byte
		parameter, query, _ = bytes.Cut(query, []byte("&"))
		key, value, _ := bytes.Cut(parameter, []byte("="))
		for i := range c.values {
			if c.keys[i].match(key) && c.values[i].match(value) {
				return true
			}
		}
	}
	return false
}
