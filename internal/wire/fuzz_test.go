package wire_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzServer sends properly signed nonsense: whatever it is, the answer is one
// of AWS's, and the failure is never ours.
func FuzzServer(f *testing.F) {
	f.Add("POST", "/", ecsTarget+"RegisterTaskDefinition", "application/x-amz-json-1.1", "", `{"family":"f","containerDefinitions":[{"cpu":1}]}`)
	f.Add("POST", "/", "", "application/x-www-form-urlencoded", "", "Action=DescribeVpcs&Version=2016-11-15&Filter.1.Value.1=x")
	f.Add("POST", "/", "", "application/x-www-form-urlencoded", "gzip", "Action=GetCallerIdentity&Version=2011-06-15")
	f.Add("GET", "/service/AmazonEC2ContainerServiceV20141113/operation/DescribeTasks?a=%zz", "", "application/cbor", "gzip", "\x1f\x8b\x08")
	s := newServer(atNoon)
	f.Fuzz(func(t *testing.T, method, path, target, contentType, encoding, body string) {
		if target == ecsTarget+"ListClusters" || target == ecsTarget+"ListTasks" {
			return // these fail on purpose
		}
		r := httptest.NewRequest("POST", "http://localhost/", strings.NewReader(body))
		r.Method = method
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut("/"+strings.TrimPrefix(path, "/"), "?")
		for k, v := range map[string]string{"X-Amz-Target": target, "Content-Type": contentType, "Content-Encoding": encoding} {
			if v != "" {
				r.Header.Set(k, v)
			}
		}
		if strings.HasPrefix(path, "/service/") {
			r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
		}
		service := "ecs"
		if target == "" {
			service = "ec2"
		}
		sign(t, r, body, testKey, testSecret, "", service, noon)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 || contentType != "application/cbor" && !utf8.Valid(w.Body.Bytes()) {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	})
}
