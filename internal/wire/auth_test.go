package wire_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/berth-dev/berth/internal/wire/sigv4"
)

// form posts a query-protocol request at noon.
func form(t testing.TB, s http.Handler, service, version, action, key, secret string, extra ...string) *httptest.ResponseRecorder {
	t.Helper()
	v := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i < len(extra); i += 2 {
		v.Set(extra[i], extra[i+1])
	}
	body := v.Encode()
	r := httptest.NewRequest("POST", "http://localhost:4566/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if key != "" {
		sign(t, r, body, key, secret, "", service, noon)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func want(t *testing.T, w *httptest.ResponseRecorder, status int, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) || w.Code != status {
			t.Errorf("got %d %s\nwant %d %s", w.Code, w.Body, status, p)
		}
	}
}

func resign(key, secret, token, service string, at time.Time, body string) func(*testing.T) func(*http.Request) {
	return func(t *testing.T) func(*http.Request) {
		return func(r *http.Request) { sign(t, r, body, key, secret, token, service, at) }
	}
}

func TestJSONRefusesInAWSWords(t *testing.T) {
	s := newServer(atNoon)
	for _, c := range []struct {
		name string
		edit func(*testing.T) func(*http.Request)
		code string
		text string
	}{
		{"unsigned", func(*testing.T) func(*http.Request) {
			return func(r *http.Request) { r.Header.Del("Authorization") }
		}, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"unknown key", resign("AKIDOTHER", testSecret, "", "ecs", noon, "{}"), "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"wrong secret", resign(testKey, "guess", "", "ecs", noon, "{}"), "InvalidSignatureException", "The request signature we calculated does not match the signature you provided."},
		{"altered body", resign(testKey, testSecret, "", "ecs", noon, "{ }"), "InvalidSignatureException", "The request signature we calculated does not match"},
		{"old", resign(testKey, testSecret, "", "ecs", noon.Add(-time.Hour), "{}"), "InvalidSignatureException", "Signature expired: 20261121T110000Z is now earlier than 20261121T115500Z (20261121T120000Z - 5 min.)"},
		{"future", resign(testKey, testSecret, "", "ecs", noon.Add(time.Hour), "{}"), "InvalidSignatureException", "Signature not yet current"},
		{"expired token", resign(testKey, testSecret, "stale", "ecs", noon, "{}"), "ExpiredTokenException", "The security token included in the request is expired"},
		{"another service's scope", resign(testKey, testSecret, "", "sts", noon, "{}"), "InvalidSignatureException", "Credential should be scoped to correct service: 'ecs'."},
		{"no signature", func(*testing.T) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x") }
		}, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter."},
	} {
		t.Run(c.name, func(t *testing.T) {
			want(t, call(t, s, ecsTarget+"CreateCluster", "{}", c.edit(t)), 400, `{"__type":"`+c.code+`"`, c.text)
		})
	}
}

func TestQueryAndEC2RefuseInTheirOwn(t *testing.T) {
	s := newServer(atNoon)
	sts, ec2 := "2011-06-15", "2016-11-15"
	want(t, form(t, s, "sts", sts, "GetCallerIdentity", testKey, testSecret), 200,
		`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><UserId>000000000000</UserId>`, "<ResponseMetadata><RequestId>")
	want(t, form(t, s, "sts", sts, "GetCallerIdentity", "", ""), 403, "<ErrorResponse xmlns=", "<Code>MissingAuthenticationToken</Code>", "<RequestId>")
	want(t, form(t, s, "sts", sts, "GetCallerIdentity", "other", testSecret), 403, "<Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message>")
	want(t, form(t, s, "sts", sts, "GetCallerIdentity", testKey, "x"), 403, "<Code>SignatureDoesNotMatch</Code>")
	want(t, form(t, s, "sts", sts, "AssumeRole", testKey, testSecret), 400, "<Code>InvalidAction</Code>", "AssumeRole of STS is not supported by Berth yet")
	want(t, form(t, s, "sqs", "2012-11-05", "ListQueues", testKey, testSecret), 400, "<Code>InvalidAction</Code>", "no service for &#39;sqs&#39;")

	want(t, form(t, s, "ec2", ec2, "DescribeVpcs", testKey, testSecret, "Filter.2.Name", "x", "Filter.2.Value.1", "a", "Filter.2.Value.2", "b", "Filter.1.Name", "isDefault", "Filter.1.Value.1", "true"), 200,
		`<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>`, "<vpcSet><item>", "<isDefault>true</isDefault>",
		"<tagSet><item><key>Name</key><value>&lt;a &amp; b&gt;</value></item><item><key>isDefault</key><value>true</value></item><item><key>x</key><value>a,b</value></item></tagSet>")
	want(t, form(t, s, "ec2", ec2, "DescribeVpcs", "other", "x"), 401, "<Response><Errors><Error><Code>AuthFailure</Code><Message>AWS was not able to validate the provided access credentials</Message></Error></Errors><RequestID>")
	want(t, form(t, s, "ec2", ec2, "DescribeVpcs", testKey, "x"), 401, "<Code>AuthFailure</Code>")
	want(t, form(t, s, "ec2", ec2, "DescribeVpcs", testKey, testSecret, "DryRun", "perhaps"), 400, "<Code>MalformedQueryString</Code>", "&#39;perhaps&#39; of DryRun can not be converted to a Boolean")
	want(t, form(t, s, "ec2", ec2, "DescribeVpcs", testKey, testSecret, "MaxResults", "2"), 400, "<Code>InvalidParameterValue</Code>", "Value (2) for parameter MaxResults is invalid.")
	want(t, form(t, s, "ec2", ec2, "CreateVpc", testKey, testSecret), 400, "<Code>InvalidAction</Code>")
}

func TestAQueryThatReadsMayBeAskedByGET(t *testing.T) {
	s := newServer(atNoon)
	get := func(query, service string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "http://localhost/?"+query, nil)
		sign(t, r, "", testKey, testSecret, "", service, noon)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	want(t, get("Action=GetCallerIdentity&Version=2011-06-15", "sts"), 200, "<Account>000000000000</Account>")
	r := httptest.NewRequest("GET", "http://localhost/", nil)
	r.Header.Set("X-Amz-Target", ecsTarget+"CreateCluster")
	sign(t, r, "", testKey, testSecret, "", "ecs", noon)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	want(t, w, 400, "CreateCluster is asked by POST")
}

func TestBodies(t *testing.T) {
	s := newServer(atNoon)
	zip := func(body string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(body))
		z.Close()
		return b.String()
	}
	encoded := func(encoding string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Encoding", encoding) }
	}
	want(t, call(t, s, ecsTarget+"CreateCluster", zip(`{"clusterName":"zipped"}`), encoded("gzip")), 200, `"zipped"`)
	want(t, call(t, s, ecsTarget+"CreateCluster", "no gzip", encoded("gzip")), 400, "SerializationException")
	want(t, call(t, s, ecsTarget+"CreateCluster", zip("{}")[:20], encoded("gzip")), 400, "SerializationException")
	want(t, call(t, s, ecsTarget+"CreateCluster", "{}", encoded("br")), 400, "Content-Encoding 'br' is not supported")
	want(t, call(t, s, ecsTarget+"CreateCluster", zip(strings.Repeat(" ", 5<<20)), encoded("gzip")), 413, "RequestEntityTooLargeException")
	want(t, call(t, s, ecsTarget+"CreateCluster", strings.Repeat(" ", 5<<20)), 413, "RequestEntityTooLargeException", "4194304 bytes")
	want(t, call(t, s, "Logs_20140328.CreateLogGroup", `{"logGroupName":"a"}`), 200, "")
	if w := call(t, s, "Logs_20140328.CreateLogGroup", `{"logGroupName":"a"}`); w.Body.Len() != 0 {
		t.Errorf("an operation without output answered %s", w.Body)
	}
	want(t, call(t, s, "Logs_20140328.CreateLogGroup", `{"logGroupName":"a*b"}`), 400,
		`{"__type":"InvalidParameterException","message":"1 validation error detected: Value 'a*b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"}`)
	want(t, call(t, s, "Logs_20140328.PutLogEvents", `{"logGroupName":"a","logStreamName":"b","logEvents":[]}`), 400,
		"Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1")
	want(t, call(t, s, "Logs_20140328.PutLogEvents", `{"logGroupName":"a","logStreamName":"b","logEvents":[{"message":"m"}]}`), 400,
		"Value null at 'logEvents.1.member.timestamp' failed to satisfy constraint: Member must not be null")
	want(t, call(t, s, "Logs_20140328.CreateLogGroup", `{"logGroupName":"a","tags":{"k":"`+strings.Repeat("v", 300)+`"}}`), 400,
		"at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 256")
	want(t, call(t, s, "DynamoDB_20120810.ListTables", `{}`), 400, `UnknownOperationException`)
}

func TestHostsAndOrigins(t *testing.T) {
	s := newServer(atNoon)
	for _, c := range []struct {
		host, site string
		status     int
		origin     string
	}{
		{"127.0.0.1:4566", "", 200, ""}, {"localhost", "", 200, ""}, {"localhost:4566", "", 200, ""}, {"LOCALHOST:1", "", 200, ""}, {"[::1]:4566", "", 200, ""},
		{"ecs.us-east-1.localhost:4566", "", 200, ""}, {"169.254.170.2", "", 200, ""}, {"localhost.", "", 200, ""}, {"127.9.9.9", "", 200, ""},
		{"berth.example.com", "", 421, ""}, {"127.0.0.1.nip.io", "", 421, ""}, {"notlocalhost", "", 421, ""}, {"192.168.1.5", "", 421, ""}, {"", "", 421, ""}, {"localhost.evil.com", "", 421, ""},
		{"localhost", "none", 200, ""}, {"localhost", "same-origin", 200, ""}, {"localhost", "cross-site", 403, ""}, {"localhost", "same-site", 403, ""},
		{"localhost:4566", "", 200, "http://localhost:4566"}, {"localhost:4566", "same-origin", 200, "http://localhost:4566"},
		{"localhost:4566", "", 403, "http://localhost:8080"}, {"localhost:4566", "", 403, "https://evil.example"}, {"localhost:4566", "", 403, "null"},
		{"localhost:4566", "cross-site", 403, "http://localhost:4566"},
	} {
		r := httptest.NewRequest("GET", "/_berth/health", nil)
		r.Host = c.host
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("host %q from %q %q: %d %s", c.host, c.site, c.origin, w.Code, w.Body)
		}
	}
}

// A region becomes part of keys and ARNs, where "-" stands for none.
func TestRegionsHaveNames(t *testing.T) {
	s := newServer(atNoon)
	for region, status := range map[string]int{"us-east-1": 200, "local": 200, "-": 400, "1": 400, "US": 400, "a/b": 400, strings.Repeat("a", 65): 400} {
		r := httptest.NewRequest("POST", "http://localhost/", strings.NewReader("{}"))
		r.Header.Set("X-Amz-Target", ecsTarget+"CreateCluster")
		creds := awssdk.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, sigv4.PayloadHash([]byte("{}")), "ecs", region, noon); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("region %q: %d %s", region, w.Code, w.Body)
		}
	}
}

// A signed request is good for what was signed, whoever has got hold of it: what it asks for included.
func TestATargetThatIsNotSigned(t *testing.T) {
	s := newServer(atNoon)
	r := httptest.NewRequest("POST", "http://localhost/", strings.NewReader("{}"))
	sign(t, r, "{}", testKey, testSecret, "", "ecs", noon)
	r.Header.Set("X-Amz-Target", ecsTarget+"CreateCluster")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	want(t, w, 400, "IncompleteSignatureException", "'X-Amz-Target' must be a 'SignedHeader'")
}

// readCounter counts what is read of a body without an end.
type readCounter struct{ read int }

func (c *readCounter) Read(p []byte) (int, error) {
	c.read += len(p)
	return len(p), nil
}

func TestLittleIsKeptOfAStrangersBody(t *testing.T) {
	s := newServer(atNoon)
	for name, path := range map[string]string{"an operation": "/", "a raw route": "/_berth/echo"} {
		for key, code := range map[string]string{"AKIDOTHER": "UnrecognizedClientException", "": "MissingAuthenticationTokenException"} {
			body := &readCounter{}
			r := httptest.NewRequest("POST", "http://localhost"+path, body)
			if key != "" {
				sign(t, r, "", key, testSecret, "", "ecs", noon)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if !strings.Contains(w.Body.String(), code) || body.read > 1<<18 {
				t.Errorf("%s, key %q: read %d bytes, answered %d %s", name, key, body.read, w.Code, w.Body)
			}
		}
	}
	want(t, call(t, s, ecsTarget+"CreateCluster", strings.Repeat(" ", 1<<20)+"{}"), 200, "ACTIVE")
}

func TestNobodyHoldsAConnectionForEver(t *testing.T) {
	s := newServer(atNoon).HTTP()
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 {
		t.Errorf("%+v", s)
	}
}

func TestRawRoutes(t *testing.T) {
	s := newServer(atNoon)
	raw := func(method, path, body string, signed bool) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
		if signed {
			sign(t, r, body, testKey, testSecret, "", "berth", noon)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	want(t, raw("GET", "/_berth/health", "", false), 200, "ok")
	want(t, raw("POST", "/_berth/echo", "hello", true), 200, "000000000000 hello")
	want(t, raw("POST", "/_berth/echo", "hello", false), 403, "MissingAuthenticationTokenException")
	want(t, raw("GET", "/nothing", "", false), 404, "names no operation")
	want(t, raw("GET", "/", "", false), 404, "This is Berth")
}
