package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/acs"
	managerapi "github.com/berth-dev/berth/api/secretsmanager"
	ssmapi "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/agent/task"
	"github.com/berth-dev/berth/internal/secrets"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const account = "123456789012"

// plane is the two services on a socket, which can be away.
type plane struct {
	*secrets.Service
	url      string
	requests atomic.Int32
	away     atomic.Int32 // how many requests are not answered
	broken   atomic.Int32 // how many are answered by an error of the server's
}

type keys struct{}

func (keys) Lookup(_ context.Context, key, token string, _ *http.Request) (wire.Credential, error) {
	if key != "ASIAEXECUTION" || token != "token" {
		return wire.Credential{}, wire.ErrUnknownKey
	}
	return wire.Credential{Secret: "hush", Caller: wire.Caller{Account: account, AccessKeyID: key, Kind: wire.Role}}, nil
}

func newPlane(t *testing.T) *plane {
	t.Helper()
	db := store.Memory()
	p := &plane{Service: secrets.New(db, secrets.Config{Log: slog.New(slog.DiscardHandler)})}
	if err := errors.Join(db.Start(t.Context()), p.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	server := wire.New(wire.Config{Credentials: keys{}, Log: slog.New(slog.DiscardHandler)})
	p.Manager.Register(server.Service(&managerapi.API))
	p.Parameters.Register(server.Service(&ssmapi.API))
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		switch {
		case p.away.Add(-1) >= 0:
			panic(http.ErrAbortHandler)
		case p.broken.Add(-1) >= 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			server.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		listener.Close()
		db.Close()
	})
	p.url = listener.URL
	return p
}

func in(t *testing.T, region string) context.Context {
	return wire.WithCaller(t.Context(), wire.Caller{Account: account, Region: region})
}

func (p *plane) parameter(t *testing.T, region, name, value string) {
	t.Helper()
	if _, err := p.Parameters.PutParameter(in(t, region), &ssmapi.PutParameterRequest{Name: name, Value: value, Type: ssmapi.ParameterTypeSecureString, Overwrite: new(true)}); err != nil {
		t.Fatal(err)
	}
}

// secret makes a secret, or another version of it, and returns its ARN and version.
func (p *plane) secret(t *testing.T, name, value string) (arn, version string) {
	t.Helper()
	out, err := p.Manager.CreateSecret(in(t, "us-east-1"), &managerapi.CreateSecretRequest{Name: name, SecretString: value})
	if err != nil {
		put, err := p.Manager.PutSecretValue(in(t, "us-east-1"), &managerapi.PutSecretValueRequest{SecretId: name, SecretString: value})
		if err != nil {
			t.Fatal(err)
		}
		return put.ARN, put.VersionId
	}
	return out.ARN, out.VersionId
}

// execution is a task with an execution role.
func execution(launchType string) task.SecretsOf {
	return task.SecretsOf{LaunchType: launchType, Credentials: func(context.Context) (acs.IAMRoleCredentials, bool) {
		return acs.IAMRoleCredentials{AccessKeyId: "ASIAEXECUTION", SecretAccessKey: "hush", SessionToken: "token"}, true
	}}
}

func ssmRef(region, valueFrom string) task.SecretRef {
	return task.SecretRef{Provider: acs.SecretProviderSsm, Region: region, ValueFrom: valueFrom}
}

func asmRef(valueFrom string) task.SecretRef {
	return task.SecretRef{Provider: acs.SecretProviderAsm, Region: "us-east-1", ValueFrom: valueFrom}
}

func TestEveryFormOfValueFrom(t *testing.T) {
	p := newPlane(t)
	p.parameter(t, "us-east-1", "/app/token", "old")
	p.parameter(t, "us-east-1", "/app/token", "new")
	p.parameter(t, "us-east-1", "flat", "level")
	p.parameter(t, "eu-west-1", "/app/token", "of the other region")
	arn, first := p.secret(t, "db", `{"user":"app","n":10000000,"deep":{"a":[1, 2]},"none":null,"yes":true,"quoted":"a\"b\u00fc"}`)
	_, second := p.secret(t, "db", `{"user":"next"}`)
	plain, _ := p.secret(t, "plain", "no JSON at all")
	const parameter = "arn:aws:ssm:us-east-1:" + account + ":parameter/app/token"
	want := map[task.SecretRef]string{
		ssmRef("us-east-1", "/app/token"): "new", ssmRef("us-east-1", "flat"): "level", ssmRef("us-east-1", parameter): "new",
		ssmRef("us-east-1", "/app/token:1"): "old", ssmRef("us-east-1", parameter+":1"): "old",
		ssmRef("eu-west-1", strings.Replace(parameter, "us-east-1", "eu-west-1", 1)): "of the other region",
		asmRef(arn): `{"user":"next"}`, asmRef(arn[:len(arn)-7]): `{"user":"next"}`, asmRef(plain): "no JSON at all", asmRef(plain + ":::"): "no JSON at all",
		asmRef(arn + ":user::"): "next", asmRef(arn + ":user:AWSCURRENT:"): "next", asmRef(arn + ":user:AWSPREVIOUS:"): "app", asmRef(arn + "::AWSPREVIOUS:"): `{"user":"app","n":10000000,"deep":{"a":[1, 2]},"none":null,"yes":true,"quoted":"a\"b\u00fc"}`,
		asmRef(arn + ":user::" + first): "app", asmRef(arn + ":user:AWSCURRENT:" + second): "next",
		asmRef(arn + ":n:AWSPREVIOUS:"): "10000000", asmRef(arn + ":deep:AWSPREVIOUS:"): `{"a":[1, 2]}`, asmRef(arn + ":none:AWSPREVIOUS:"): "null", asmRef(arn + ":yes:AWSPREVIOUS:"): "true",
		asmRef(arn + ":quoted:AWSPREVIOUS:"): "a\"bü",
	}
	var refs []task.SecretRef
	for ref := range want {
		refs = append(refs, ref)
	}
	got, err := New(Config{Endpoint: p.url}).Read(t.Context(), execution("EC2"), refs)
	if err != nil {
		t.Fatal(err)
	}
	for ref, value := range want {
		if got[ref] != value {
			t.Errorf("%s: %q, want %q", ref.ValueFrom, got[ref], value)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("read %d of %d", len(got), len(want))
	}
}

func TestFewRequestsReadMany(t *testing.T) {
	p := newPlane(t)
	var refs []task.SecretRef
	for i := range 23 {
		p.parameter(t, "us-east-1", fmt.Sprintf("/p/%d", i), "v")
		refs = append(refs, ssmRef("us-east-1", fmt.Sprintf("/p/%d", i)))
	}
	arn, _ := p.secret(t, "db", `{"a":"1","b":"2"}`)
	refs = append(refs, asmRef(arn+":a::"), asmRef(arn+":b::"), asmRef(arn))
	if got, err := New(Config{Endpoint: p.url}).Read(t.Context(), execution("EC2"), refs); err != nil || len(got) != len(refs) {
		t.Fatal(len(got), err)
	}
	if n := p.requests.Load(); n != 4 {
		t.Errorf("%d requests: ten parameters at a time and one secret are 4", n)
	}
}

func TestReasons(t *testing.T) {
	p := newPlane(t)
	arn, version := p.secret(t, "db", `{"user":"hush-user"}`)
	plain, _ := p.secret(t, "plain", "hush-plain")
	gone, _ := p.secret(t, "gone", "x")
	if _, err := p.Manager.DeleteSecret(in(t, "us-east-1"), &managerapi.DeleteSecretRequest{SecretId: "gone"}); err != nil {
		t.Fatal(err)
	}
	binary, err := p.Manager.CreateSecret(in(t, "us-east-1"), &managerapi.CreateSecretRequest{Name: "binary", SecretBinary: []byte{0}})
	if err != nil {
		t.Fatal(err)
	}
	const none = "arn:aws:secretsmanager:us-east-1:" + account + ":secret:none"
	const asm = "Fetching secret data from AWS Secrets Manager in region us-east-1: secret "
	const fargate = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
	const fargateASM = fargate + "unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret "
	for _, c := range []struct {
		name string
		ref  task.SecretRef
		of   task.SecretsOf
		want string
	}{
		{"no parameter", ssmRef("us-east-1", "/none"), execution("EC2"), "Fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: /none"},
		{"no parameter, Fargate", ssmRef("us-east-1", "/none"), execution("FARGATE"), fargate + "unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: /none"},
		{"no secret", asmRef(none), execution("EC2"), asm + none + ": ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		{"no secret, Fargate", asmRef(none), execution("FARGATE"), fargateASM + none + " from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		{"no such member", asmRef(arn + ":password::"), execution("EC2"), asm + arn + ":password::: retrieved secret from Secrets Manager did not contain json key password"},
		{"a member of what is no object", asmRef(plain + ":password::"), execution("EC2"), asm + plain + ":password::: retrieved secret from Secrets Manager is not a JSON object, and its json key was asked for"},
		{"no such version", asmRef(arn + ":user::" + strings.Repeat("a", 32)), execution("EC2"), asm + arn + ": ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: " + strings.Repeat("a", 32)},
		{"no such stage", asmRef(arn + "::AWSPENDING:"), execution("EC2"), asm + arn + ": ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSPENDING"},
		{"a stage of another version", asmRef(arn + "::AWSPENDING:" + version), execution("EC2"), asm + arn + ": InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId."},
		{"a deleted secret", asmRef(gone), execution("EC2"), asm + gone + ": InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion."},
		{"a binary secret", asmRef(binary.ARN), execution("EC2"), asm + binary.ARN + ": retrieved secret from Secrets Manager has no SecretString: it is binary"},
		{"a colon too few", asmRef(arn + ":user:"), execution("EC2"), asm + arn + ":user:: unexpected ARN format with parameters when trying to retrieve ASM secret"},
		{"no execution role", asmRef(arn), task.SecretsOf{LaunchType: "EC2", Credentials: noRole}, "asm secret resource: unable to find execution role credentials"},
		{"no execution role, parameters", ssmRef("us-east-1", "/p"), task.SecretsOf{LaunchType: "EXTERNAL", Credentials: noRole}, "ssm secret resource: unable to find execution role credentials"},
		{"another region", ssmRef("eu-west-1", "/none"), execution("EC2"), "Fetching secret data from SSM Parameter Store in eu-west-1: invalid parameters: /none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(Config{Endpoint: p.url}).Read(t.Context(), c.of, []task.SecretRef{c.ref})
			if err == nil || err.Error() != c.want {
				t.Errorf("%v\nwant %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the reason tells a value: %v", err)
			}
		})
	}
}

func noRole(context.Context) (acs.IAMRoleCredentials, bool) { return acs.IAMRoleCredentials{}, false }

func TestAServiceThatIsAwayForAWhile(t *testing.T) {
	p := newPlane(t)
	p.parameter(t, "us-east-1", "/p", "v")
	p.away.Store(2)
	p.broken.Store(3)
	ref := ssmRef("us-east-1", "/p")
	got, err := New(Config{Endpoint: p.url}).Read(t.Context(), execution("EC2"), []task.SecretRef{ref})
	if err != nil || got[ref] != "v" || p.requests.Load() < 4 {
		t.Errorf("read %v, %v after %d requests", got, err, p.requests.Load())
	}
}

func TestAServiceThatStaysAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	reader := New(Config{Endpoint: "http://" + l.Addr().String(), Patience: time.Second})
	_, err = reader.Read(t.Context(), execution("EC2"), []task.SecretRef{ssmRef("us-east-1", "/p")})
	if err == nil || !strings.HasPrefix(err.Error(), "Fetching secret data from SSM Parameter Store in us-east-1: ") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the task is to stop"))
	if _, err := New(Config{Endpoint: "http://" + l.Addr().String()}).Read(ctx, execution("EC2"), []task.SecretRef{ssmRef("us-east-1", "/p")}); err == nil || err.Error() != "the task is to stop" {
		t.Errorf("a task that is to stop: %v", err)
	}
}

func TestAServiceThatFailsAndThenHangsTellsWhyItFailed(t *testing.T) {
	var requests atomic.Int32
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the end of the connection is not seen
		if requests.Add(1) > 1 {
			<-r.Context().Done()
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer listener.Close()
	reader := New(Config{Endpoint: listener.URL, Patience: time.Second})
	_, err := reader.Read(t.Context(), execution("EC2"), []task.SecretRef{ssmRef("us-east-1", "/p")})
	if err == nil || strings.Contains(err.Error(), "no answer") || requests.Load() != 2 {
		t.Errorf("%v after %d requests", err, requests.Load())
	}
}

func TestLogins(t *testing.T) {
	p := newPlane(t)
	good, _ := p.secret(t, "good", `{"username":"u","password":"hush-p"}`)
	half, _ := p.secret(t, "half", `{"username":"u"}`)
	text, _ := p.secret(t, "text", `hush-text`)
	reader := New(Config{Endpoint: p.url})
	auth, err := reader.Login(t.Context(), execution("EC2"), &acs.ASMAuthData{CredentialsParameter: good, Region: "us-east-1"})
	if err != nil || auth.Username != "u" || auth.Password != "hush-p" {
		t.Errorf("%v, %v", auth, err)
	}
	const none = "arn:aws:secretsmanager:us-east-1:" + account + ":secret:none"
	for arn, want := range map[string]string{
		half: "AuthorizationData is malformed, empty field: password", text: "AuthorizationData is malformed",
		none: "ResourceNotFoundException: Secrets Manager can't find the specified secret.",
	} {
		_, err := reader.Login(t.Context(), execution("EC2"), &acs.ASMAuthData{CredentialsParameter: arn, Region: "us-east-1"})
		if err == nil || !strings.HasPrefix(err.Error(), "asm fetching secret from the service for "+arn+": ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", arn, err)
		}
	}
}

func FuzzMember(f *testing.F) {
	f.Add(`{"a":"b"}`, "a")
	f.Add(`{"a":{"b":1}}`, "a")
	f.Add(`{"a":"\ud800"}`, "a")
	f.Fuzz(func(t *testing.T, secret, key string) {
		if _, err := member(secret, key); err != nil && len(secret) > 8 && !strings.Contains(key, secret) && strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells the secret: %v", err)
		}
	})
}
