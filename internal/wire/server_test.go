package wire_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/api/sts"
	"github.com/berth-dev/berth/internal/wire"
	"github.com/berth-dev/berth/internal/wire/sigv4"
)

const (
	testKey    = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	testRegion = "us-east-1"
)

// oneKey is a Credentials with a single key.
type oneKey struct{}

func (oneKey) Lookup(_ context.Context, id, token string, _ *http.Request) (wire.Credential, error) {
	switch {
	case token == "stale":
		return wire.Credential{}, wire.ErrExpiredToken
	case id != testKey:
		return wire.Credential{}, wire.ErrUnknownKey
	}
	return wire.Credential{Secret: testSecret, Caller: wire.Caller{
		Account: "000000000000", ARN: "arn:aws:iam::000000000000:root", UserID: "000000000000", Kind: wire.Root,
	}}, nil
}

// quiet drops what a test provokes.
var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// noon is the time at which the tests' servers live.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// newServer is a server with a few operations that answer fixed things.
func newServer(now func() time.Time) *wire.Server {
	s := wire.New(wire.Config{Credentials: oneKey{}, Log: quiet, Now: now})
	e := s.Service(&ecs.API)
	wire.Handle(e, ecs.DescribeTasks, func(_ context.Context, in *ecs.DescribeTasksRequest) (*ecs.DescribeTasksResponse, error) {
		return &ecs.DescribeTasksResponse{Tasks: []ecs.Task{exampleTask()}, Failures: []ecs.Failure{}}, nil
	})
	wire.Handle(e, ecs.CreateCluster, func(_ context.Context, in *ecs.CreateClusterRequest) (*ecs.CreateClusterResponse, error) {
		return &ecs.CreateClusterResponse{Cluster: &ecs.Cluster{ClusterName: in.ClusterName, Status: "ACTIVE"}}, nil
	})
	wire.Handle(e, ecs.RegisterTaskDefinition, func(_ context.Context, in *ecs.RegisterTaskDefinitionRequest) (*ecs.RegisterTaskDefinitionResponse, error) {
		return &ecs.RegisterTaskDefinitionResponse{TaskDefinition: &ecs.TaskDefinition{
			Family: in.Family, Revision: 1, ContainerDefinitions: in.ContainerDefinitions, RegisteredAt: schema.At(noon),
		}}, nil
	}, wire.Refuse("containerDefinitions.secrets", "secrets are not built"),
		wire.Refuse("proxyConfiguration", "proxies are not built."),
		wire.Refuse("requiresCompatibilities", "tasks run on EC2", "EC2"),
		wire.Refuse("pidMode", "only the default is built", "task"),
		wire.Note("", "nothing runs of it"), wire.Note("containerDefinitions.name", "short"),
		wire.Validate(func(in *ecs.RegisterTaskDefinitionRequest) error {
			if in.Family == "a b" {
				return wire.Errorf(ecs.ClientException, "Family contains invalid characters.")
			}
			return nil
		}))
	wire.Handle(e, ecs.DeleteCluster, func(context.Context, *ecs.DeleteClusterRequest) (*ecs.DeleteClusterResponse, error) {
		return nil, wire.Errorf(ecs.ClusterNotFoundException, "Cluster not found.")
	})
	wire.Handle(e, ecs.ListClusters, func(context.Context, *ecs.ListClustersRequest) (*ecs.ListClustersResponse, error) {
		panic("no clusters today")
	})
	wire.Handle(e, ecs.ListTasks, func(context.Context, *ecs.ListTasksRequest) (*ecs.ListTasksResponse, error) {
		return nil, io.ErrUnexpectedEOF
	})
	l := s.Service(&logs.API)
	wire.Handle(l, logs.CreateLogGroup, func(context.Context, *logs.CreateLogGroupRequest) (*schema.Empty, error) { return nil, nil })
	wire.Handle(l, logs.PutLogEvents, func(_ context.Context, in *logs.PutLogEventsRequest) (*logs.PutLogEventsResponse, error) {
		return &logs.PutLogEventsResponse{NextSequenceToken: "1"}, nil
	})
	wire.Handle(s.Service(&sts.API), sts.GetCallerIdentity, func(ctx context.Context, _ *sts.GetCallerIdentityRequest) (*sts.GetCallerIdentityResponse, error) {
		c := wire.CallerOf(ctx)
		return &sts.GetCallerIdentityResponse{Account: c.Account, Arn: c.ARN, UserId: c.UserID}, nil
	})
	wire.Handle(s.Service(&ec2.API), ec2.DescribeVpcs, func(_ context.Context, in *ec2.DescribeVpcsRequest) (*ec2.DescribeVpcsResult, error) {
		vpc := ec2.Vpc{VpcId: "vpc-1", CidrBlock: "172.31.0.0/16", IsDefault: new(true), State: ec2.VpcStateAvailable,
			Tags: []ec2.Tag{{Key: "Name", Value: "<a & b>"}}}
		for _, f := range in.Filters {
			vpc.Tags = append(vpc.Tags, ec2.Tag{Key: f.Name, Value: strings.Join(f.Values, ",")})
		}
		return &ec2.DescribeVpcsResult{Vpcs: []ec2.Vpc{vpc}}, nil
	})
	s.Open("GET /_berth/health", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
	s.Handle("POST /_berth/echo", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, wire.CallerOf(r.Context()).Account+" ")
		io.Copy(w, r.Body)
	}))
	return s
}

func exampleTask() ecs.Task {
	at := schema.At(noon)
	return ecs.Task{
		TaskArn: "arn:aws:ecs:us-east-1:000000000000:task/default/0123456789abcdef0123456789abcdef", ClusterArn: "arn:aws:ecs:us-east-1:000000000000:cluster/default",
		TaskDefinitionArn: "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1", Group: "family:web", LastStatus: "RUNNING", DesiredStatus: "RUNNING",
		Cpu: "256", Memory: "512", LaunchType: ecs.LaunchTypeFargate, PlatformVersion: "1.4.0", CreatedAt: at, StartedAt: at, PullStartedAt: at, PullStoppedAt: at,
		ConnectivityAt: at, Connectivity: ecs.ConnectivityConnected, Version: 3, Overrides: &ecs.TaskOverride{ContainerOverrides: []ecs.ContainerOverride{}},
		Attachments: []ecs.Attachment{{Id: "a", Type: "ElasticNetworkInterface", Status: "ATTACHED", Details: []ecs.KeyValuePair{
			{Name: "subnetId", Value: "subnet-1"}, {Name: "networkInterfaceId", Value: "eni-1"}, {Name: "macAddress", Value: "0a:00:00:00:00:01"},
			{Name: "privateDnsName", Value: ""}, {Name: "privateIPv4Address", Value: "172.31.0.5"}}}},
		Containers: []ecs.Container{{Name: "web", Image: "berth/hello", LastStatus: "RUNNING", RuntimeId: "rt", ExitCode: nil,
			NetworkInterfaces: []ecs.NetworkInterface{{AttachmentId: "a", PrivateIpv4Address: "172.31.0.5"}}, NetworkBindings: []ecs.NetworkBinding{}}},
		Tags: []ecs.Tag{},
	}
}

// sign signs a request as the Go SDK does.
func sign(t testing.TB, r *http.Request, body, key, secret, token, service string, at time.Time) {
	t.Helper()
	creds := awssdk.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, r, sigv4.PayloadHash([]byte(body)), service, testRegion, at); err != nil {
		t.Fatal(err)
	}
}

// call posts a JSON request at noon and returns the answer.
func call(t testing.TB, s http.Handler, target, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("POST", "http://127.0.0.1:4566/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	service := "ecs"
	if strings.HasPrefix(target, "Logs_") {
		service = "logs"
	}
	sign(t, r, body, testKey, testSecret, "", service, noon)
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

const ecsTarget = "AmazonEC2ContainerServiceV20141113."

func atNoon() time.Time { return noon }

func TestAnswersAndErrorsOfJSON(t *testing.T) {
	s := newServer(atNoon)
	for _, c := range []struct{ name, target, body, status, want string }{
		{"a structure", "CreateCluster", `{"clusterName":"a"}`, "200",
			`{"cluster":{"clusterName":"a","status":"ACTIVE","registeredContainerInstancesCount":0,"runningTasksCount":0,"pendingTasksCount":0,"activeServicesCount":0}}`},
		{"an empty body is an empty input", "CreateCluster", ``, "200", `"status":"ACTIVE"`},
		{"unknown members are ignored", "CreateCluster", `{"clusterName":"a","future":{"x":[1]}}`, "200", `"clusterName":"a"`},
		{"timestamps are numbers", "RegisterTaskDefinition", `{"family":"web","containerDefinitions":[]}`, "200", `"registeredAt":1795262400`},
		{"present and empty lists stay", "RegisterTaskDefinition", `{"family":"web","containerDefinitions":[]}`, "200", `"containerDefinitions":[]`},
		{"an error of a handler", "DeleteCluster", `{"cluster":"x"}`, "400", `{"__type":"ClusterNotFoundException","message":"Cluster not found."}`},
		{"required", "RegisterTaskDefinition", `{"containerDefinitions":[]}`, "400",
			`{"__type":"InvalidParameterException","message":"1 validation error detected: Value null at 'family' failed to satisfy constraint: Member must not be null"}`},
		{"two at once", "RegisterTaskDefinition", `{}`, "400", `2 validation errors detected: Value null at 'family' failed to satisfy constraint: Member must not be null; Value null at 'containerDefinitions' failed`},
		{"an enumeration", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":[],"networkMode":"fast"}`, "400",
			`Value 'fast' at 'networkMode' failed to satisfy constraint: Member must satisfy enum value set: [bridge, host, awsvpc, none]`},
		{"an enumeration in a list", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":[],"requiresCompatibilities":["FARGATE","MOON"]}`, "400",
			`Value '[FARGATE, MOON]' at 'requiresCompatibilities' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES]]`},
		{"deep inside", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":[{},{"name":"c","ulimits":[{"name":"nofile","softLimit":1,"hardLimit":2},{"name":"x"}]}]}`, "400",
			`Value 'x' at 'containerDefinitions.2.member.ulimits.2.member.name' failed to satisfy constraint: Member must satisfy enum value set`},
		{"a length", "CreateCluster", `{"tags":[{"key":"","value":"` + strings.Repeat("é", 257) + `"}]}`, "400",
			`at 'tags.1.member.value' failed to satisfy constraint: Member must have length less than or equal to 256`},
		{"a pattern", "CreateCluster", `{"tags":[{"key":"a!","value":"b"}]}`, "400",
			`Value 'a!' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: ([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)`},
		{"a number for a string", "CreateCluster", `{"clusterName":7}`, "400", `{"__type":"SerializationException","message":"NUMBER_VALUE can not be converted to a String (at /clusterName)"}`},
		{"a string for a number", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":[{"cpu":"1"}]}`, "400", `STRING_VALUE can not be converted to an Integer (at /containerDefinitions/0/cpu)`},
		{"a number too large", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":[{"cpu":99999999999}]}`, "400", `NUMBER_VALUE can not be converted to an Integer`},
		{"a boolean for a string", "CreateCluster", `{"clusterName":true}`, "400", `TRUE_VALUE can not be converted to a String`},
		{"a structure for a string", "CreateCluster", `{"clusterName":{}}`, "400", `Start of structure or map found where not expected.`},
		{"a string for a list", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":"x"}`, "400", `Expected list or null`},
		{"not JSON", "CreateCluster", `{"clusterName":`, "400", `"__type":"SerializationException"`},
		{"two of a name", "CreateCluster", `{"clusterName":"a","clusterName":"b"}`, "400", `"__type":"SerializationException"`},
		{"not UTF-8", "CreateCluster", "{\"clusterName\":\"\xff\"}", "400", `"__type":"SerializationException"`},
		{"nested absurdly", "CreateCluster", `{"x":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`, "400", `nests more than 100 levels`},
		{"a refused member of a list", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":[{"secrets":[]},{"name":"c","secrets":[{"name":"a","valueFrom":"b"}]}]}`, "400",
			`{"__type":"InvalidParameterException","message":"The parameter containerDefinitions[1].secrets of RegisterTaskDefinition is not supported by Berth yet: secrets are not built. See docs/compatibility.md."}`},
		{"a list of accepted values", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":[],"requiresCompatibilities":["EC2"]}`, "200", `"family":"f"`},
		{"a list with another value", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":[],"requiresCompatibilities":["EC2","FARGATE"]}`, "400", "The parameter requiresCompatibilities"},
		{"an accepted value of a refused member", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":[],"pidMode":"task"}`, "200", `"family":"f"`},
		{"another value of it", "RegisterTaskDefinition", `{"family":"f","containerDefinitions":[],"pidMode":"host"}`, "400", `The parameter pidMode of RegisterTaskDefinition`},
		{"not built yet", "CreateService", `{}`, "400", `{"__type":"UnknownOperationException","message":"The operation CreateService of ECS is not supported by Berth yet: see docs/compatibility.md."}`},
		{"no such operation", "MakeTea", `{}`, "400", `{"__type":"UnknownOperationException","message":"ECS has no operation 'MakeTea'."}`},
		{"a panic", "ListClusters", `{}`, "500", `{"__type":"ServerException","message":"Internal failure.`},
		{"an error that is not AWS's", "ListTasks", `{}`, "500", `{"__type":"ServerException","message":"Internal failure.`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := call(t, s, ecsTarget+c.target, c.body)
			if got := w.Body.String(); w.Result().Status[:3] != c.status || !strings.Contains(got, c.want) {
				t.Errorf("answer %d %s\nwant   %s %s", w.Code, got, c.status, c.want)
			}
			if id := w.Header().Get("x-amzn-RequestId"); len(id) != 36 {
				t.Errorf("request id %q", id)
			}
		})
	}
}
