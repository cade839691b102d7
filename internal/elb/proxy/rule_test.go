package proxy

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// TestPatternsMatchAsTheirRegularExpressions compares with the expression that says the same.
func TestPatternsMatchAsTheirRegularExpressions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[abAB*?]{0,8}`).Draw(t, "pattern")
		s := rapid.StringMatching(`[abAB]{0,10}`).Draw(t, "string")
		insensitive := rapid.Bool().Draw(t, "insensitive")
		expression := "(?s)^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(text)) + "$"
		if insensitive {
			expression = "(?i)" + expression
		}
		p := newPattern(text, insensitive)
		if got, want := p.match([]byte(s)), regexp.MustCompile(expression).MatchString(s); got != want {
			t.Fatalf("%q matches %q: %v", text, s, got)
		}
	})
}

func TestAPatternOfManyStarsTakesNoLongTime(t *testing.T) {
	p := newPattern(strings.Repeat("*a", 30)+"b", false)
	if p.match([]byte(strings.Repeat("a", 16<<10))) {
		t.Error("it matches")
	}
}

func requestOf(t *testing.T, text string) *request {
	t.Helper()
	text = strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n"
	r := &request{client: netip.MustParseAddrPort("10.1.2.3:4000")}
	if err := r.parseRequest([]byte(text), len(text)); err != nil {
		t.Fatal(err)
	}
	if err := r.resolve(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestConditions(t *testing.T) {
	request := "GET /Img/a.PNG?Ver=2&flag&x=a%20b HTTP/1.1\nHost: API.example.com:8080\nX-Env: Prod-1\nX-Env: second"
	of := func(field string, values ...string) balancer.Condition {
		return balancer.Condition{Field: field, Values: values}
	}
	header := func(name string, values ...string) balancer.Condition {
		return balancer.Condition{Field: "http-header", Header: name, Values: values}
	}
	query := func(key, value string) balancer.Condition {
		return balancer.Condition{Field: "query-string", Query: []balancer.QueryValue{{Key: key, Value: value}}}
	}
	source := func(cidr string) balancer.Condition {
		return balancer.Condition{Field: "source-ip", Ranges: []netip.Prefix{netip.MustParsePrefix(cidr)}}
	}
	for _, c := range []struct {
		condition balancer.Condition
		met       bool
	}{
		{of("host-header", "api.EXAMPLE.com"), true},
		{of("host-header", "*.example.com"), true},
		{of("host-header", "example.com", "api.?xample.com"), true},
		{of("host-header", "*.example.org"), false},
		{of("path-pattern", "/Img/*"), true},
		{of("path-pattern", "/img/*"), false},
		{of("path-pattern", "/Img/?.PNG"), true},
		{of("path-pattern", "/Img"), false},
		{of("http-request-method", "GET"), true},
		{of("http-request-method", "G*"), false},
		{header("x-env", "prod-*"), true},
		{header("X-Env", "SECOND"), true},
		{header("X-Env", "prod"), false},
		{header("X-Other", "*"), false},
		{query("ver", "2"), true},
		{query("ver", "?"), true},
		{query("ver", "3"), false},
		{query("", "2"), true},
		{query("flag", ""), true},
		{query("x", "a%20b"), true},
		{source("10.1.0.0/16"), true},
		{source("10.2.0.0/16"), false},
	} {
		t.Run(fmt.Sprint(c.condition), func(t *testing.T) {
			compiled := compileCondition(c.condition)
			if got := compiled.met(requestOf(t, request)); got != c.met {
				t.Errorf("met: %v", got)
			}
		})
	}
}

func TestPathsOfRulesAreNormal(t *testing.T) {
	for path, want := range map[string]string{
		"/a/b": "/a/b", "/a/../b": "/b", "/a/./b": "/a/b", "/a//b": "/a//b", "/..": "/", "/../../a": "/a", "/a/..": "/", "/a/.": "/a/",
		"/%61%2Fb": "/a%2Fb", "/a/%2e%2E/b": "/b", "/.well-known/x": "/.well-known/x", "/%zz": "/%zz", "/%2": "/%2", "*": "*",
	} {
		r := &request{path: []byte(path)}
		if got := string(r.cleanPath()); got != want {
			t.Errorf("%s becomes %s, want %s", path, got, want)
		}
	}
}

func TestSharesAreAsTheWeightsSayFromTheFirstHundredOn(t *testing.T) {
	for _, weights := range [][]int{{95, 5}, {1, 1}, {0, 7}, {999, 1}, {50, 30, 20}, {1, 0, 0}} {
		var groups []balancer.Weighted
		total := 0
		for i, w := range weights {
			groups = append(groups, balancer.Weighted{Group: fmt.Sprint(i), Weight: w})
			total += w
		}
		s := newShares(groups)
		got := map[string]int{}
		for n := 1; n <= 1000; n++ {
			got[s.choose()]++
			if n%100 != 0 {
				continue
			}
			for i, w := range weights {
				if due := float64(n*w) / float64(total); float64(got[fmt.Sprint(i)]) < due-3 || float64(got[fmt.Sprint(i)]) > due+3 || w == 0 && got[fmt.Sprint(i)] > 0 {
					t.Errorf("%v: of %d requests group %d got %d", weights, n, i, got[fmt.Sprint(i)])
				}
			}
		}
	}
	if none := newShares([]balancer.Weighted{{Group: "a"}}); none.choose() != "" {
		t.Error("a group without weight was chosen")
	}
}
