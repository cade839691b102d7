package query

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// box is a container instance.
type box struct {
	attributes map[string]string
	connected  bool
	version    string
	id         string
	registered int64
	running    int
	groups     []string
}

func (b *box) Attribute(name string) (string, bool) { v, ok := b.attributes[name]; return v, ok }
func (b *box) AgentConnected() bool                 { return b.connected }
func (b *box) AgentVersion() string                 { return b.version }
func (b *box) EC2InstanceID() string                { return b.id }
func (b *box) RegisteredAt() int64                  { return b.registered }
func (b *box) RunningTasks() int                    { return b.running }
func (b *box) RunsGroup(name string) bool {
	return slices.Contains(b.groups, name)
}
func (b *box) InGroups(g *Groups) bool { return slices.ContainsFunc(b.groups, g.Has) }

func newBox() *box {
	return &box{connected: true, version: "1.14.0", id: "i-0abc", running: 3, groups: []string{"service:web", "databases"},
		registered: time.Date(2018, 6, 18, 22, 28, 28, 5e8, time.UTC).Unix(),
		attributes: map[string]string{"ecs.instance-type": "t2.small", "ecs.availability-zone": "us-east-1a", "gpu": "", "rank": "10",
			"path": "a/b:c@d", "words": "two words", "odd": "a(b"}}
}

// The first ones are the developer guide's.
func TestMatches(t *testing.T) {
	for text, want := range map[string]bool{
		"attribute:ecs.instance-type == t2.small":                       true,
		"attribute:ecs.availability-zone in [us-east-1a, us-east-1b]":   true,
		"not(task:group == databases)":                                  false,
		"task:group == service:web":                                     true,
		"attribute:ecs.instance-type =~ t2.*":                           true,
		"attribute:ecs.instance-type =~ g2.* and runningTasksCount > 2": false,
		"attribute:ecs.availability-zone not_in [us-east-1e]":           true,
		"(attribute:ecs.instance-type == t2.small or attribute:ecs.instance-type == t2.medium) and attribute:ecs.availability-zone != us-east-1d": true,

		"attribute:ecs.instance-type equals t2.small":             true,
		"attribute:ecs.instance-type not_equals t2.small":         false,
		"attribute:ecs.instance-type matches t2":                  false, // the whole value
		"attribute:ecs.instance-type =~ t|t2.small":               true,
		"attribute:ecs.instance-type =~ (t|m)[1-3]\\.small":       true,
		"attribute:ecs.instance-type =~ 't2\\.(small|x)'":         true,
		"attribute:ecs.instance-type !~ m.*":                      true,
		"attribute:ecs.instance-type not_matches t.*":             false,
		"attribute:ecs.instance-type=~t2.*&&attribute:gpu exists": true,
		"(attribute:ecs.instance-type =~ t2.*)":                   true,
		"attribute:gpu exists":                                    true,
		"attribute:gpu !exists":                                   false,
		"attribute:gpu not_exists":                                false,
		"attribute:none exists":                                   false,
		"attribute:none !exists":                                  true,
		"attribute:none == x":                                     false,
		"attribute:none != x":                                     true,
		"attribute:none !in [x]":                                  true,
		"attribute:none > x":                                      false,
		"attribute:rank > 9":                                      true, // as numbers
		"attribute:rank less_than 9":                              false,
		"attribute:rank >= 10.0":                                  true,
		"attribute:ecs.instance-type > t1":                        true, // as text
		"attribute:path == a/b:c@d":                               true,
		"attribute:words == 'two words'":                          true,
		`attribute:words == "two words"`:                          true,
		`attribute:odd == 'a(b'`:                                  true,
		"attribute:ecs.instance-type in [t2.small]":               true,
		"attribute:ecs.instance-type !in ['t2.small',x]":          false,

		"agentConnected == true":                    true,
		"agentConnected != true":                    false,
		"agentConnected in [false, true]":           true,
		"agentConnected =~ t.*":                     true,
		"agentVersion == 1.14":                      true,
		"agentVersion > 1.9.9":                      true,
		"agentVersion < 1.14.1":                     true,
		"agentVersion >= v1.14.0":                   true,
		"agentVersion greater_than 1.100.0":         false,
		"ec2InstanceId == i-0abc":                   true,
		"ec2InstanceId in ['i-0abc', 'i-1']":        true,
		"ec2InstanceId =~ mi-.*":                    false,
		"runningTasksCount == 3":                    true,
		"runningTasksCount < 1":                     false,
		"registeredAt > 2018-06-18":                 true,
		"registeredAt == 2018-06-18T22:28:28Z":      true,
		"registeredAt == 2018-06-18T22:28:28+00:00": true,
		"registeredAt < 2018-06-18T22:28:28":        false,
		"registeredAt <= 2018-06-18T23:28:28+01:00": true,
		"task:group in [a, databases]":              true,
		"task:group != a":                           true,
		"task:group =~ service:.*":                  true,
		"task:group !~ service:.*":                  false,
		"task:group exists":                         true,

		// not before and, and before or
		"not attribute:none exists and attribute:gpu exists":                       true,
		"attribute:none exists and attribute:none exists or attribute:gpu exists":  true,
		"attribute:gpu exists or attribute:none exists and attribute:none exists":  true,
		"(attribute:gpu exists || attribute:none exists) && attribute:none exists": false,
		"!(attribute:none exists)":                   true,
		"!!attribute:gpu exists":                     true,
		"! not ! attribute:gpu exists":               false,
		"attribute:and == x or attribute:gpu exists": true,
	} {
		e, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := e.Matches(newBox()); got != want {
			t.Errorf("%s is %v", text, got)
		}
		if e.String() != text {
			t.Errorf("%s became %s", text, e)
		}
	}
}

func TestUnknownVersionMeetsNoOrder(t *testing.T) {
	b := newBox()
	b.version = ""
	for text, want := range map[string]bool{"agentVersion < 99": false, "agentVersion >= 0": false, "agentVersion != 1.0.0": true} {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if e.Matches(b) != want {
			t.Errorf("%s is %v", text, !want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"":                               "it is empty",
		"  ":                             "it is empty",
		"attribute:a":                    "at character 12 there is the end where an operator should be",
		"attribute:a ==":                 "at character 15 there is the end where a value should be",
		"attribute:a = b":                `"=" at character 13 is no operator`,
		"attribute:a == b c":             `at character 18 there is "c" where and, or should be`,
		"attribute:a == b &":             `"&" at character 18 is no operator`,
		"attribute:a == b or":            "at character 20 there is the end where a subject should be",
		"attribute:a =~":                 "at character 15 there is the end where a value should be",
		"attribute:a in b":               `at character 16 there is "b" where "[" should be`,
		"attribute:a in []":              `at character 17 there is "]" where a value should be`,
		"attribute:a in [b":              `at character 18 there is the end where "," or "]" should be`,
		"attribute:a '==' b":             `at character 13 there is "==" where an operator should be`,
		"attribute:a ! b":                `at character 13 there is "!" where an operator should be`,
		"(attribute:a == b":              `at character 18 there is the end where ")" should be`,
		"attribute:a == b)":              `at character 17 there is ")" where and, or should be`,
		"'attribute:a' == b":             `at character 1 there is "attribute:a" where a subject should be`,
		"attribute:a == 'b":              "the quote at character 16 is not closed",
		"attribute: == b":                `unknown subject "attribute:": `,
		"color == b":                     `unknown subject "color": `,
		"attribute:a =~ *":               "attribute:a: \"*\" is not a regular expression: ",
		"attribute:a =~ 'a)b('":          "attribute:a: \"a)b(\" is not a regular expression: ",
		"attribute:a =~ '(?=b)'":         "attribute:a: \"(?=b)\" is not a regular expression: ",
		"agentVersion in [1]":            "the operator in is not valid for agentVersion",
		"agentConnected exists":          "the operator exists is not valid for agentConnected",
		"ec2InstanceId > i-1":            "the operator > is not valid for ec2InstanceId",
		"task:group > a":                 "the operator > is not valid for task:group",
		"runningTasksCount == many":      `runningTasksCount: "many" is not a value of it`,
		"registeredAt > yesterday":       `registeredAt: "yesterday" is not a value of it`,
		"agentVersion > one":             `agentVersion: "one" is not a value of it`,
		"attribute:a == \xff":            "it is not UTF-8",
		strings.Repeat("a", maxLength+1): "it is longer than 2000 characters",
		strings.Repeat("(", maxDepth+1):  "it is nested deeper than 50",
		strings.Repeat("!", maxDepth+1):  "it is nested deeper than 50",
		"attribute:a =~ " + strings.Repeat("a", maxRegexp+1): "attribute:a: the regular expression is longer than 1000 bytes",
		"attribute:a =~ ((a{30}){30}){30}":                   "attribute:a: \"((a{30}){30}){30}\" is not a regular expression: ",
		"attribute:a =~ ([ab]c?.*{9}){999}[a-z]{999}":        "attribute:a: ",
		"attribute:a =~ (abcdefghijklmnopqrstuvwxyz){999}":   "attribute:a: the repetitions of the regular expression ",
	} {
		if _, err := Parse(text); err == nil || !strings.HasPrefix(err.Error(), why) {
			t.Errorf("%q: %v, want %s", text, err, why)
		}
	}
}

func TestAttributesOnly(t *testing.T) {
	for text, want := range map[string]bool{
		"attribute:a == b and not(attribute:c in [d] or attribute:e exists)": true,
		"attribute:a == b and runningTasksCount == 0":                        false,
		"task:group == b":        false,
		"agentConnected == true": false,
	} {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if e.AttributesOnly() != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

// No input panics or takes long; what parses can be asked, and its negation says the contrary.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"attribute:ecs.instance-type =~ t2.* and runningTasksCount > 2", "not(task:group in [a, 'b c'])", "!!(agentVersion >= 1.2)",
		"registeredAt < 2018-06-18T22:28:28+00:00 || ec2InstanceId !in [x]", `attribute:a =~ "\"[)]("`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			return
		}
		negation, err := Parse(fmt.Sprintf("not(%s)", text))
		if err != nil {
			if len(text) > maxLength-5 || strings.Contains(err.Error(), "nested") {
				return
			}
			t.Fatalf("%q parses, its negation does not: %v", text, err)
		}
		if b := newBox(); e.Matches(b) == negation.Matches(b) {
			t.Fatalf("%q and its negation agree", text)
		}
	})
}
