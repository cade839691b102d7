package sigv4_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/berth-dev/berth/internal/wire/sigv4"
)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func creds(token string) aws.Credentials {
	return aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: token}
}

func request(method, target, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "http://127.0.0.1:4566"+target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// received is a request as a server sees it after the wire.
func received(t *testing.T, r *http.Request) *http.Request {
	t.Helper()
	var got *http.Request
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "http://")
	out := r.Clone(context.Background())
	out.RequestURI, out.Host = "", r.Host
	out.URL.Host, out.URL.Scheme = addr, "http"
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return got
}

func verify(r *http.Request, payloadHash string) error {
	s, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	if err := s.CheckTime(noon, 5*time.Minute); err != nil {
		return err
	}
	var keys sigv4.Keys
	return s.Verify(r, payloadHash, keys.Key(secret, s.Scope))
}

var requests = []struct {
	name, method, target, body string
	header                     []string
}{
	{"a JSON operation", "POST", "/", `{"cluster":"default"}`, []string{"Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "A.B"}},
	{"a form", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", []string{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
	{"no body", "GET", "/ws", "", nil},
	{"a query out of order", "GET", "/ws?seqNum=1&agentVersion=1.2&a=&dockerVersion=DockerVersion%3A+20.10%2Bdfsg&b=2&b=1", "", nil},
	{"a query with odd names", "GET", "/?a%20b=%2F%3F&%C3%A9=~&x-y.z_0=%25", "", nil},
	{"an encoded path", "GET", "/schedules/my%20name%2Fx/%C3%A9", "", nil},
	{"a path with reserved characters", "GET", "/tags/arn:aws:scheduler:us-east-1:1:schedule/default/a+b,c;d=e@f!", "", nil},
	{"a trailing slash", "GET", "/2015-02-01/file-systems/", "", nil},
	{"repeated and padded headers", "POST", "/", "x", []string{"X-Amz-Meta-A", "  two   words  ", "X-Amz-Meta-B", "1", "X-Amz-Meta-B", "2"}},
}

func TestWhatTheSDKSignsVerifies(t *testing.T) {
	signer := v4.NewSigner()
	for _, c := range requests {
		for _, token := range []string{"", "a/session+token=="} {
			t.Run(c.name+" "+token, func(t *testing.T) {
				r := request(c.method, c.target, c.body, c.header...)
				hash := sigv4.PayloadHash([]byte(c.body))
				if err := signer.SignHTTP(t.Context(), creds(token), r, hash, "ecs", "us-east-1", noon); err != nil {
					t.Fatal(err)
				}
				got := received(t, r)
				if err := verify(got, hash); err != nil {
					t.Fatal(err)
				}
				s, _ := sigv4.Parse(got)
				if s.AccessKeyID != keyID || s.SessionToken != token || s.Presigned || s.Scope != (sigv4.Scope{Date: "20261121", Region: "us-east-1", Service: "ecs"}) {
					t.Errorf("%+v", s)
				}
			})
			t.Run(c.name+" presigned "+token, func(t *testing.T) {
				r := request(c.method, c.target, c.body, c.header...)
				hash := sigv4.PayloadHash([]byte(c.body))
				url, signed, err := signer.PresignHTTP(t.Context(), creds(token), r, hash, "ecs", "us-east-1", noon)
				if err != nil {
					t.Fatal(err)
				}
				p, _ := http.NewRequest(c.method, url, bytes.NewReader([]byte(c.body)))
				for k, v := range signed {
					p.Header[k] = v
				}
				got := received(t, p)
				got.Host = r.Host
				if err := verify(got, hash); err != nil {
					t.Fatal(err)
				}
				if s, _ := sigv4.Parse(got); !s.Presigned || s.SessionToken != token || s.Expires != 15*time.Minute {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// What is changed after signing is refused, with the reason and a part of the
// text that AWS gives.
func TestWhatWasChangedIsRefused(t *testing.T) {
	const body = `{"cluster":"default"}`
	for _, c := range []struct {
		name   string
		edit   func(*http.Request)
		body   string
		reason sigv4.Reason
		text   string
	}{
		{"the body", nil, body + " ", sigv4.Mismatch, "The request signature we calculated does not match"},
		{"the method", func(r *http.Request) { r.Method = "PUT" }, body, sigv4.Mismatch, "The request signature"},
		{"the path", func(r *http.Request) { r.URL.Path = "/x" }, body, sigv4.Mismatch, ""},
		{"the query", func(r *http.Request) { r.URL.RawQuery = "a=1" }, body, sigv4.Mismatch, ""},
		{"the host", func(r *http.Request) { r.Host = "127.0.0.1:4567" }, body, sigv4.Mismatch, ""},
		{"a signed header", func(r *http.Request) { r.Header.Set("X-Amz-Target", "A.C") }, body, sigv4.Mismatch, ""},
		{"a second value of a signed header", func(r *http.Request) { r.Header.Add("X-Amz-Target", "A.C") }, body, sigv4.Mismatch, ""},
		{"the region", replace("us-east-1", "us-west-1"), body, sigv4.Mismatch, ""},
		{"the date within the day", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261121T120001Z") }, body, sigv4.Mismatch, ""},
		{"the signature's length", replace("Signature=", "Signature=0"), body, sigv4.Mismatch, ""},
		{"no signature at all", func(r *http.Request) { r.Header.Del("Authorization") }, body, sigv4.Missing, "Missing Authentication Token"},
		{"basic authentication", func(r *http.Request) { r.SetBasicAuth("a", "b") }, body, sigv4.Missing, ""},
		{"an empty header", func(r *http.Request) { r.Header.Set("Authorization", "") }, body, sigv4.Missing, ""},
		{"another algorithm", replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), body, sigv4.Incomplete, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'."},
		{"no parts", func(r *http.Request) { r.Header.Set("Authorization", sigv4.Algorithm+" x") }, body, sigv4.Incomplete, "not a valid key=value pair"},
		{"no credential", replace("Credential=", "Nothing="), body, sigv4.Incomplete, "Authorization header requires 'Credential' parameter."},
		{"two signatures", replace("SignedHeaders=", "Signature="), body, sigv4.Incomplete, ""},
		{"two headers", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, body, sigv4.Incomplete, "more than one"},
		{"header and query", func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=0" }, body, sigv4.Incomplete, "not in both"},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, body, sigv4.Incomplete, "either a 'X-Amz-Date' or a 'Date' header"},
		{"a date that is none", func(r *http.Request) { r.Header.Set("X-Amz-Date", "noon") }, body, sigv4.Incomplete, "Got 'noon'"},
		{"host not signed", replace("content-length;content-type;host", "content-length;content-type"), body, sigv4.Incomplete, "'Host' or ':authority' must be a 'SignedHeader'"},
		{"four elements", replace("/aws4_request", ""), body, sigv4.Incomplete, "exactly 5 slash-delimited elements"},
		{"an empty element", replace("/ecs/", "//"), body, sigv4.Incomplete, "empty element"},
		{"another terminator", replace("aws4_request", "aws5_request"), body, sigv4.Invalid, "valid terminator: 'aws4_request', not 'aws5_request'."},
		{"another day in the scope", replace("20261121/", "20261120/"), body, sigv4.Invalid, "'20261120' != '20261121', from '20261121T120000Z'."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request("POST", "/", body, "Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "A.B")
			if err := v4.NewSigner().SignHTTP(t.Context(), creds(""), r, sigv4.PayloadHash([]byte(body)), "ecs", "us-east-1", noon); err != nil {
				t.Fatal(err)
			}
			if c.edit != nil {
				c.edit(r)
			}
			wantRefusal(t, verify(r, sigv4.PayloadHash([]byte(c.body))), c.reason, c.text)
		})
	}
}

// replace edits the Authorization header.
func replace(old, new string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
	}
}

func wantRefusal(t *testing.T, err error, reason sigv4.Reason, text string) {
	t.Helper()
	var e *sigv4.Error
	if !errors.As(err, &e) || e.Reason != reason || !strings.Contains(e.Message, text) {
		t.Errorf("got %v, want reason %d with %q", err, reason, text)
	}
}

func TestTime(t *testing.T) {
	header := &sigv4.Signature{Time: noon}
	hour := &sigv4.Signature{Time: noon, Presigned: true, Expires: time.Hour}
	for _, c := range []struct {
		name   string
		s      *sigv4.Signature
		now    time.Time
		reason sigv4.Reason
		text   string // empty: it is fine
	}{
		{"now", header, noon, 0, ""},
		{"five minutes old", header, noon.Add(5 * time.Minute), 0, ""},
		{"five minutes early", header, noon.Add(-5 * time.Minute), 0, ""},
		{"too old", header, noon.Add(15 * time.Minute), sigv4.Expired,
			"Signature expired: 20261121T120000Z is now earlier than 20261121T121000Z (20261121T121500Z - 5 min.)"},
		{"too early", header, noon.Add(-20 * time.Minute), sigv4.Early,
			"Signature not yet current: 20261121T120000Z is still later than 20261121T114500Z (20261121T114000Z + 5 min.)"},
		{"presigned, within its hour", hour, noon.Add(59 * time.Minute), 0, ""},
		{"presigned, after it", hour, noon.Add(61 * time.Minute), sigv4.Expired, "Signature expired: 20261121T120000Z is now earlier than 20261121T120100Z (20261121T130100Z - 60 min.)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.s.CheckTime(c.now, 5*time.Minute)
			if c.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, err, c.reason, c.text)
		})
	}
}

func TestPresignedQueriesThatAreRefused(t *testing.T) {
	good := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261121%2Fus-east-1%2Fecs%2Faws4_request&X-Amz-Date=20261121T120000Z" +
		"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=" + strings.Repeat("0", 64)
	for _, c := range []struct {
		name, query string
		reason      sigv4.Reason
		text        string
	}{
		{"a wrong signature", good, sigv4.Mismatch, ""},
		{"nothing but the algorithm", "X-Amz-Algorithm=AWS4-HMAC-SHA256", sigv4.Incomplete, "must include 'X-Amz-Credential'"},
		{"another algorithm", strings.Replace(good, "SHA256", "SHA1", 1), sigv4.Incomplete, "Unsupported AWS 'algorithm'"},
		{"eight days", strings.Replace(good, "Expires=60", "Expires=691200", 1), sigv4.Incomplete, "between 0 and 604800"},
		{"a negative time", strings.Replace(good, "Expires=60", "Expires=-1", 1), sigv4.Incomplete, "between 0 and 604800"},
		{"a parameter twice", good + "&X-Amz-Date=20261121T120000Z", sigv4.Incomplete, "more than once"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantRefusal(t, verify(request("GET", "/?"+c.query, ""), sigv4.PayloadHash(nil)), c.reason, c.text)
		})
	}
}

func TestUnsignedPayloadCountsOnlyWhenSigned(t *testing.T) {
	r := request("PUT", "/b/k", "body", "X-Amz-Content-Sha256", sigv4.UnsignedPayload)
	if err := v4.NewSigner().SignHTTP(t.Context(), creds(""), r, sigv4.UnsignedPayload, "s3", "us-east-1", noon); err != nil {
		t.Fatal(err)
	}
	s, err := sigv4.Parse(r)
	if err != nil || !s.Unsigned {
		t.Fatalf("%+v %v", s, err)
	}
	if err := verify(r, sigv4.UnsignedPayload); err != nil {
		t.Error(err)
	}
	r = request("POST", "/", "body")
	if err := v4.NewSigner().SignHTTP(t.Context(), creds(""), r, sigv4.PayloadHash([]byte("body")), "ecs", "us-east-1", noon); err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Content-Sha256", sigv4.UnsignedPayload)
	if s, _ := sigv4.Parse(r); s.Unsigned {
		t.Error("a header that was added later turned the check of the body off")
	}
}

func TestKeysAreRememberedAndForgotten(t *testing.T) {
	keys := sigv4.Keys{Size: 2}
	scope := func(region string) sigv4.Scope {
		return sigv4.Scope{Date: "20261121", Region: region, Service: "ecs"}
	}
	first := keys.Key(secret, scope("a"))
	keys.Remember(secret, scope("a"), first)
	if again := keys.Key(secret, scope("a")); &again[0] != &first[0] {
		t.Error("a key was derived twice")
	}
	if other := keys.Key("another secret", scope("a")); bytes.Equal(other, first) {
		t.Error("a changed secret kept its old key")
	}
	for _, region := range []string{"b", "c", "d", "e"} {
		keys.Remember(secret, scope(region), keys.Key(secret, scope(region)))
	}
	if again := keys.Key(secret, scope("a")); &again[0] == &first[0] {
		t.Error("a key was kept for ever")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AK/20261121/us-east-1/ecs/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64), "a=b&X-Amz-Date=x", "/a/../b")
	f.Add("AWS4-HMAC-SHA256 =,=", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=%zz", "//")
	f.Fuzz(func(t *testing.T, header, query, path string) {
		r := request("GET", "/", "")
		r.URL.RawQuery, r.URL.Path = query, "/"+path
		if header != "" {
			r.Header.Set("Authorization", header)
			r.Header.Set("X-Amz-Date", "20261121T120000Z")
		}
		if err := verify(r, sigv4.PayloadHash(nil)); err == nil {
			t.Errorf("took %q %q %q without knowing the secret", header, query, path)
		} else if strings.Contains(err.Error(), secret) {
			t.Error("an error tells the secret")
		}
	})
}
