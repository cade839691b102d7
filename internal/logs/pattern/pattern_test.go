package pattern

import (
	"errors"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	const event = `{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","latency":12.5,"ok":true,"gone":null,
		"user":{"name":"ana maria","tags":["a","b"]},"objects":[{"id":1},{"id":2}],"http.status":"404","code":404}`
	const line = `127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
	for _, c := range []struct {
		pattern, message string
		want             bool
	}{
		{"", "anything", true},
		{"  ", "", true},
		{"ERROR", "[ERROR 400] BAD REQUEST", true},
		{"ERROR", "[error 400]", false},
		{"ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true},
		{"ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", false},
		{`"INTERNAL SERVER ERROR"`, "[ERROR 500] INTERNAL SERVER ERROR", true},
		{`"INTERNAL SERVER ERROR"`, "[ERROR 500] SERVER ERROR INTERNAL", false},
		{`"say \"hi\""`, `they say "hi"`, true},
		{"ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", false},
		{"ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST", true},
		{`-"BAD REQUEST"`, "[ERROR 400] BAD REQUEST", false},
		{"?ERROR ?WARN", "[WARN 1] x", true},
		{"?ERROR ?WARN", "[INFO 1] x", false},
		{"?ERROR WARN", "[WARN 1] x", true},
		{"?ERROR WARN", "[ERROR 1] x", false},
		{"%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", true},
		{"%^[hc]at%", "a hat", false},
		{`%4\d{2}%`, "status 404", true},

		{`{ $.eventType = "UpdateTrail" }`, event, true},
		{`{ $.eventType = UpdateTrail }`, event, true},
		{`{ $.eventType = "*Trail" }`, event, true},
		{`{ $.eventType = %Trail$% }`, event, true},
		{`{ $.eventType = "Other" }`, event, false},
		{`{ $.sourceIPAddress != 123.123.* }`, event, true},
		{`{ $.sourceIPAddress = 111.111.* }`, event, true},
		{`{ $.absent != "x" }`, event, false},
		{`{ $.latency > 12 }`, event, true},
		{`{ $.latency >= 12.5 && $.latency <= 12.5 }`, event, true},
		{`{ $.latency < 1.25e1 }`, event, false},
		{`{ $.latency > 100 || ($.ok IS TRUE && $.gone IS NULL) }`, event, true},
		{`{ $.ok IS FALSE }`, event, false},
		{`{ $.ok = true }`, event, true},
		{`{ $.gone NOT EXISTS }`, event, false},
		{`{ $.gone EXISTS }`, event, true},
		{`{ $.user.absent NOT EXISTS }`, event, true},
		{`{ $.user.name = "ana *" }`, event, true},
		{`{ $.user.tags[1] = "b" }`, event, true},
		{`{ $.user.tags[2] = "b" }`, event, false},
		{`{ $.objects[*].id = 2 }`, event, true},
		{`{ $.user.* = "ana maria" }`, event, true},
		{`{ $.['http.status'] = 404 }`, event, true},
		{`{ $["http.status"] = "404" }`, event, true},
		{`{ $.code = 404 }`, event, true},
		{`{ $.code = 4* }`, event, true},
		{`{ $.code != 500 }`, event, true},
		{`{ $.user = "x" }`, event, false},
		{`{ $.a = 1 }`, `[{"a":1}]`, false},
		{`{ $.a = 1 }`, `not json`, false},
		{`{ $.a = 1 }`, `{"a":1,"a":2`, false},

		{"[ip, server, username, timestamp, request, status, bytes]", line, true},
		{"[ip, server, username, timestamp, request, status, bytes, more]", line, false},
		{"[ip, server]", line, false},
		{"[ip, server, username, timestamp, request, status = 4*, bytes]", line, true},
		{"[ip, ..., status = 404, bytes > 1000]", line, true},
		{"[..., status = 404 || status = 410, bytes]", line, true},
		{"[ip, server, username, timestamp, request = *index*, ...]", line, true},
		{"[..., request = *html*, status = 4* && status != 404, bytes]", line, false},
		{"[ip = 127.0.0.1, ...]", line, true},
		{"[w1 = ERROR, w2]", "ERROR now", true},
		{"[w1 != ERROR, w2]", "ERROR now", false},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
		} else if got := p.Match(c.message); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.message, got)
		}
	}
}

func TestInvalid(t *testing.T) {
	for _, text := range []string{
		"{", "}", "[", "]", `"`, "-", "?", "{}", "{ }", "[]", "{ $ = 1 }", "{ $.a }", "{ $.a = }", "{ $.a == 1 }", "{ a = 1 }", "{ $.a < b }", `{ $.a > "1" }`,
		"{ $.a = 1 } x", "{ $.a = 1 && }", "{ ($.a = 1 }", "{ $.a IS ODD }", "{ $.a[x] = 1 }", "{ $.a[ = 1 }", "{ $.['a = 1 }", "{ $. = 1 }", "%(a)%", "%a", "%[%", "%a!%", "%%",
		"%a% %b% %c%", "a && b", "a{b", "[a,", "[a, ..., ...]", "[a = 1 || b = 2]", "[a = ]", `a"b"`, strings.Repeat("{(", 1) + strings.Repeat("(", 100) + "$.a = 1" + strings.Repeat(")", 101) + "}",
	} {
		if _, err := Parse(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`ERROR -"a b" ?c`, `{ ($.a[0].b = "x*") || $.c IS NULL && $['d'] > 1 }`, "[a, b = 1*, ..., c > 2]", `%[a-z]{2,3}\%$%`} {
		f.Add(seed, `{"a":[{"b":"xy"}]}`)
		f.Add(seed, `1 2 [3 4] "5" 6`)
	}
	f.Fuzz(func(t *testing.T, text, message string) {
		if p, err := Parse(text); err == nil {
			p.Match(message)
		}
	})
}
