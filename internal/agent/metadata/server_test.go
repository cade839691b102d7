package metadata

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/wire/sigv4"
)

const taskID = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

var roleCredentials = acs.IAMRoleCredentials{CredentialsId: "cid-task", RoleArn: "arn:aws:iam::123456789012:role/app", AccessKeyId: "ASIAEXAMPLE",
	SecretAccessKey: "example", SessionToken: "example", Expiration: "2026-12-31T00:00:00Z"}

// served is a task's listener that is served, before a control plane that says what it was asked.
type served struct {
	*Server
	keyring *Keyring
	base    string
	plane   *httptest.Server
	asked   chan *http.Request
}

func serve(t *testing.T, task Task) *served {
	t.Helper()
	s := &served{keyring: NewKeyring(), asked: make(chan *http.Request, 10)}
	s.plane = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		s.asked <- r
		_, _ = io.WriteString(w, "answer of the control plane")
	}))
	t.Cleanup(s.plane.Close)
	endpoint, err := url.Parse(s.plane.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = New(Config{Endpoint: endpoint, Keyring: s.keyring, Patience: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Instance: func(string) string { return "" }, Tags: func(context.Context, string, string) (map[string]string, error) { return nil, nil }})
	t.Cleanup(s.Close)
	return s.again(t, task)
}

// again serves a task on a new listener.
func (s *served) again(t *testing.T, task Task) *served {
	t.Helper()
	s.Forget(task.ID)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.base = "http://" + l.Addr().String()
	s.Serve(task, l)
	return s
}

// request is one to the listener by the name that tasks know it by.
func (s *served) request(t *testing.T, method, path, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "169.254.170.2"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func answered(t *testing.T, r *http.Request) (int, string, http.Header) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func TestCredentialsAreServedAsByAmazonsAgent(t *testing.T) {
	s := serve(t, Task{ID: taskID, HasRole: true})
	if status, body, _ := answered(t, s.request(t, "GET", "/v2/credentials/cid-task", "")); status != 400 || !strings.Contains(body, "InvalidIdInRequest") {
		t.Errorf("before they come: %d %s", status, body)
	}
	s.keyring.Set(taskID, acs.RoleTypeTaskApplication, &roleCredentials)
	s.keyring.Set("another", acs.RoleTypeTaskApplication, &acs.IAMRoleCredentials{CredentialsId: "cid-other", AccessKeyId: "ASIAOTHER"})
	for path, want := range map[string]string{
		"/v2/credentials/cid-task":  `{"RoleArn":"arn:aws:iam::123456789012:role/app","AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"example","Token":"example","Expiration":"2026-12-31T00:00:00Z"}`,
		"/v2/credentials/nonsense":  `{"code":"InvalidIdInRequest","message":"CredentialsV2Request: Credentials not found","HTTPErrorCode":400}`,
		"/v2/credentials/cid-other": `{"code":"InvalidIdInRequest","message":"CredentialsV2Request: Credentials not found","HTTPErrorCode":400}`,
		"/v2/credentials":           `{"code":"NoIdInRequest","message":"CredentialsV2Request: No Credential ID in the request","HTTPErrorCode":400}`,
	} {
		_, body, header := answered(t, s.request(t, "GET", path, ""))
		if body != want || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s", path, body)
		}
	}
}

func TestRequestsWithTheTasksOwnKeyArePassedOnAsTheyWereSigned(t *testing.T) {
	s := serve(t, Task{ID: taskID, HasRole: true})
	s.keyring.Set(taskID, acs.RoleTypeTaskApplication, &roleCredentials)
	creds := aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "example", SessionToken: "example"}
	const body = `{"cluster":"default"}`
	r := s.request(t, "POST", "/a%2Fb//c?x=1&z=%20", body, "X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListTasks",
		"Content-Type", "application/x-amz-json-1.1")
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, sigv4.PayloadHash([]byte(body)), "ecs", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	signature := r.Header.Get("Authorization")
	if status, answer, _ := answered(t, r); status != 200 || answer != "answer of the control plane" {
		t.Fatalf("%d %s", status, answer)
	}
	got := <-s.asked
	sent, _ := io.ReadAll(got.Body)
	if got.Host != "169.254.170.2" || got.Header.Get("Authorization") != signature || got.RequestURI != "/a%2Fb//c?x=1&z=%20" || string(sent) != body {
		t.Errorf("passed on as %s %s, host %s, body %s", got.Method, got.RequestURI, got.Host, sent)
	}
	for name := range got.Header {
		if strings.HasPrefix(name, "X-Forwarded") {
			t.Errorf("%s was added", name)
		}
	}

	presigned := s.request(t, "GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "")
	uri, _, err := v4.NewSigner().PresignHTTP(context.Background(), creds, presigned, sigv4.PayloadHash(nil), "sts", "us-east-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, query, _ := strings.Cut(uri, "?")
	if status, answer, _ := answered(t, s.request(t, "GET", "/?"+query, "")); status != 200 {
		t.Errorf("presigned: %d %s", status, answer)
	}
}

func TestAllOtherRequestsAreDeniedInTheirOwnProtocol(t *testing.T) {
	foreign := "AWS4-HMAC-SHA256 Credential=ASIAOTHER/20261120/us-east-1/%s/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
	withRole, without := serve(t, Task{ID: taskID, HasRole: true}), serve(t, Task{ID: taskID})
	withRole.keyring.Set(taskID, acs.RoleTypeTaskApplication, &roleCredentials)
	withRole.keyring.Set(taskID, acs.RoleTypeTaskExecution, &acs.IAMRoleCredentials{CredentialsId: "cid-exec", AccessKeyId: "ASIAEXEC"})
	for _, c := range []struct {
		name   string
		s      *served
		header []string
		path   string
		status int
		want   string
	}{
		{"another's key, JSON", withRole, []string{"Authorization", strings.Replace(foreign, "%s", "ecs", 1), "X-Amz-Target", "X.ListTasks", "Content-Type", "application/x-amz-json-1.1"}, "/", 400, `"__type":"AccessDeniedException"`},
		{"another's key, query", withRole, []string{"Authorization", strings.Replace(foreign, "%s", "sts", 1), "Content-Type", "application/x-www-form-urlencoded"}, "/", 403, "<Code>AccessDenied</Code>"},
		{"another's key, EC2", withRole, []string{"Authorization", strings.Replace(foreign, "%s", "ec2", 1), "Content-Type", "application/x-www-form-urlencoded"}, "/", 403, "<Response><Errors><Error><Code>AccessDenied</Code>"},
		{"another's key, presigned", withRole, nil, "/?Action=X&X-Amz-Credential=ASIAOTHER%2F20261120", 403, "<Code>AccessDenied</Code>"},
		{"the execution role's key", withRole, []string{"Authorization", strings.Replace(foreign, "ASIAOTHER/20261120/us-east-1/%s", "ASIAEXEC/20261120/us-east-1/ecs", 1), "X-Amz-Target", "X.ListTasks"}, "/", 400, `"__type":"AccessDeniedException"`},
		{"another's key behind its own", withRole, []string{"Authorization", "AWS4-HMAC-SHA256 XCredential=ASIAEXAMPLE/20261120/us-east-1/ecs/aws4_request, " +
			strings.Replace(strings.TrimPrefix(foreign, "AWS4-HMAC-SHA256 "), "%s", "ecs", 1), "X-Amz-Target", "X.ListTasks"}, "/", 400, `"__type":"AccessDeniedException"`},
		{"a task without a role", without, []string{"Authorization", strings.Replace(foreign, "%s", "ecs", 1), "X-Amz-Target", "X.ListTasks"}, "/", 400, `"__type":"AccessDeniedException"`},
		{"unsigned", withRole, []string{"X-Amz-Target", "X.ListTasks"}, "/", 400, `"__type":"MissingAuthenticationTokenException"`},
		{"a page that is not there", withRole, nil, "/v3", 404, "not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body, _ := answered(t, c.s.request(t, "POST", c.path, "{}", c.header...))
			if status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	select {
	case r := <-withRole.asked:
		t.Errorf("%s reached the control plane", r.RequestURI)
	default:
	}
}

func TestARefreshedKeyAndTheOneBeforeItAreTheTasksOwn(t *testing.T) {
	k := NewKeyring()
	for _, key := range []string{"ASIA1", "ASIA2", "ASIA2", "ASIA3"} {
		k.Set(taskID, acs.RoleTypeTaskApplication, &acs.IAMRoleCredentials{AccessKeyId: key})
	}
	k.Set(taskID, acs.RoleTypeTaskApplication, &acs.IAMRoleCredentials{CredentialsId: "read back from disk"})
	for key, want := range map[string]bool{"ASIA1": false, "ASIA2": true, "ASIA3": true, "": false} {
		if got := k.Issued(taskID, key); got != want {
			t.Errorf("%q: %t", key, got)
		}
	}
	if k.Issued("another", "ASIA3") {
		t.Error("a key is another task's too")
	}
}

func TestAControlPlaneThatIsAwayIsSaidToBe(t *testing.T) {
	s := serve(t, Task{ID: taskID, HasRole: true})
	s.keyring.Set(taskID, acs.RoleTypeTaskApplication, &roleCredentials)
	s.plane.Close()
	r := s.request(t, "POST", "/", "{}", "X-Amz-Target", "X.Y")
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "ASIAEXAMPLE"}, r, sigv4.PayloadHash([]byte("{}")), "ecs", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	status, body, header := answered(t, r)
	if status != 503 || !strings.Contains(body, "cannot be reached") || header.Get("Retry-After") == "" {
		t.Errorf("%d %s", status, body)
	}
}

// A task that opens connections and leaves them open takes none from anybody but itself.
func TestATaskHoldsSoManyConnections(t *testing.T) {
	s := serve(t, Task{ID: taskID, Describe: func() Description { return Description{} }})
	for range maxConnections {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /v4/ HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 12)); err != nil {
			t.Fatal(err)
		}
	}
	one := &http.Client{Timeout: 100 * time.Millisecond}
	if _, err := one.Get(s.base + "/v4/"); err == nil {
		t.Error("one more is answered")
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(Task{ID: "another", Describe: func() Description { return Description{} }}, other)
	one.Timeout = 10 * time.Second
	if _, err := one.Get("http://" + other.Addr().String() + "/v4/"); err != nil {
		t.Errorf("another task is not answered: %v", err)
	}
}
