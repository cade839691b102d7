package elb

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// attribute is a setting that a load balancer, a target group or a listener has beside its record's members, as AWS names it.
type attribute struct {
	key       string
	otherwise string         // its value until it is set
	values    []string       // that it may have
	least     int            // of a number
	most      int            // of a number; 0: it is none
	pattern   *regexp.Regexp // of a text that is not empty; nil: it is none
	like      string         // says what the pattern does
	// only are the values that Berth does something about, where these are not all; why says it of the others.
	only []string
	why  string
}

var booleans = []string{"true", "false"}

func boolean(key, otherwise string) attribute {
	return attribute{key: key, otherwise: otherwise, values: booleans}
}

func number(key string, otherwise, least, most int) attribute {
	return attribute{key: key, otherwise: strconv.Itoa(otherwise), least: least, most: most}
}

func oneOf(key, otherwise string, others ...string) attribute {
	return attribute{key: key, otherwise: otherwise, values: append([]string{otherwise}, others...)}
}

const maxText = 1024

// plainText is what a text is unless more is said of it: it becomes a part of an HTTP header, where a line break would begin another.
var plainText = regexp.MustCompile(`^[\x20-\x7e]+$`)

func text(key string) attribute {
	return attribute{key: key, pattern: plainText, like: "up to 1024 printable ASCII characters"}
}

// refusing is an attribute of which some values are refused.
func (a attribute) refusing(why string, except ...string) attribute {
	a.only, a.why = append(except, a.otherwise), why
	return a
}

// check tells whether the attribute may have a value. what is what has it: "Load balancer".
func (a attribute) check(what, value string) error {
	if a.values != nil && !slices.Contains(a.values, value) {
		return invalid("%s attribute value '%s' for '%s' is not valid: it must be one of '[%s]'", what, value, a.key, strings.Join(a.values, ", "))
	}
	if a.pattern != nil && value != "" && (len(value) > maxText || !a.pattern.MatchString(value)) {
		return invalid("%s attribute value '%s' for '%s' is not valid: it must be %s", what, value, a.key, a.like)
	}
	if a.most > 0 {
		if n, err := strconv.Atoi(value); err != nil || n < a.least || n > a.most {
			return invalid("%s attribute value '%s' for '%s' is not valid: it must be between '%d' and '%d'", what, value, a.key, a.least, a.most)
		}
	}
	return nil
}

// attributes are all that a thing has.
type attributes []attribute

func (as attributes) find(key string) (attribute, bool) {
	at := slices.IndexFunc(as, func(a attribute) bool { return a.key == key })
	if at < 0 {
		return attribute{}, false
	}
	return as[at], true
}

// among are those of the attributes that were set that a thing has.
func (as attributes) among(set map[string]string) map[string]string {
	has := maps.Clone(set)
	maps.DeleteFunc(has, func(key, _ string) bool {
		_, ok := as.find(key)
		return !ok
	})
	return has
}

// pair is an attribute with a value, as requests and answers have it.
type pair struct{ key, value string }

// all are the attributes with their values, where set are those that were set.
func (as attributes) all(set map[string]string) (pairs []pair) {
	for _, a := range as {
		pairs = append(pairs, pair{a.key, as.value(set, a.key)})
	}
	return pairs
}

// value is the value of an attribute.
func (as attributes) value(set map[string]string, key string) string {
	if value, ok := set[key]; ok {
		return value
	}
	a, _ := as.find(key)
	return a.otherwise
}

// seconds is the value of an attribute that is a number of seconds.
func (as attributes) seconds(set map[string]string, key string) time.Duration {
	n, _ := strconv.Atoi(as.value(set, key))
	return time.Duration(n) * time.Second
}

// with are the attributes that are set once pairs are set too. A value that is the default is not kept.
func (as attributes) with(set map[string]string, what string, pairs []pair) (map[string]string, error) {
	after := maps.Clone(set)
	if after == nil {
		after = map[string]string{}
	}
	var seen []string
	for _, p := range pairs {
		a, ok := as.find(p.key)
		if !ok {
			return nil, invalid("%s attribute key '%s' is not recognized", what, p.key)
		}
		if slices.Contains(seen, p.key) {
			return nil, invalid("%s attribute key '%s' was specified more than once", what, p.key)
		}
		seen = append(seen, p.key)
		if err := a.check(what, p.value); err != nil {
			return nil, err
		}
		if delete(after, p.key); p.value != a.otherwise {
			after[p.key] = p.value
		}
	}
	return after, nil
}
