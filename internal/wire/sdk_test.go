package wire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdklogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	sdklogstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	sdkec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	sdkec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	sdkecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	sdkecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// live is a server on a port, in our own time.
func live(t testing.TB) (endpoint string, config awssdk.Config) {
	srv := httptest.NewServer(newServer(time.Now))
	t.Cleanup(srv.Close)
	return srv.URL, awssdk.Config{
		Region: testRegion, BaseEndpoint: awssdk.String(srv.URL),
		Credentials:      credentials.NewStaticCredentialsProvider(testKey, testSecret, ""),
		RetryMaxAttempts: 1,
	}
}

// The Go SDK refuses what is of the wrong type, where Python lets it pass.
func TestTheGoSDKReadsTheAnswers(t *testing.T) {
	_, cfg := live(t)
	ctx := context.Background()

	id, err := sdksts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sdksts.GetCallerIdentityInput{})
	if err != nil || *id.Account != "000000000000" || *id.Arn != "arn:aws:iam::000000000000:root" {
		t.Errorf("sts: %+v %v", id, err)
	}

	vpcs, err := sdkec2.NewFromConfig(cfg).DescribeVpcs(ctx, &sdkec2.DescribeVpcsInput{
		Filters: []sdkec2types.Filter{{Name: awssdk.String("isDefault"), Values: []string{"true"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if v := vpcs.Vpcs[0]; *v.VpcId != "vpc-1" || !*v.IsDefault || *v.Tags[0].Value != "<a & b>" || *v.Tags[1].Value != "true" {
		t.Errorf("ec2: %+v", v)
	}

	e := sdkecs.NewFromConfig(cfg)
	tasks, err := e.DescribeTasks(ctx, &sdkecs.DescribeTasksInput{Tasks: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if task := tasks.Tasks[0]; !task.CreatedAt.Equal(noon) || task.Version != 3 || *task.Containers[0].Name != "web" || *task.Attachments[0].Details[3].Value != "" {
		t.Errorf("ecs: %+v", task)
	}
	var missing *sdkecstypes.ClusterNotFoundException
	if _, err := e.DeleteCluster(ctx, &sdkecs.DeleteClusterInput{Cluster: awssdk.String("x")}); !errors.As(err, &missing) || missing.ErrorMessage() != "Cluster not found." {
		t.Errorf("a typed error: %v", err)
	}
	var api smithy.APIError
	if _, err := e.CreateService(ctx, &sdkecs.CreateServiceInput{ServiceName: awssdk.String("x")}); !errors.As(err, &api) || api.ErrorCode() != "UnknownOperationException" {
		t.Errorf("an operation that is not built: %v", err)
	}

	l := sdklogs.NewFromConfig(cfg)
	if _, err := l.CreateLogGroup(ctx, &sdklogs.CreateLogGroupInput{LogGroupName: awssdk.String("g")}); err != nil {
		t.Errorf("no output: %v", err)
	}
	if _, err := l.PutLogEvents(ctx, &sdklogs.PutLogEventsInput{LogGroupName: awssdk.String("g"), LogStreamName: awssdk.String("s"),
		LogEvents: []sdklogstypes.InputLogEvent{{Message: awssdk.String("m"), Timestamp: awssdk.Int64(1)}}}); err != nil {
		t.Errorf("logs: %v", err)
	}
}

func TestAPresignedCallOfTheGoSDK(t *testing.T) {
	_, cfg := live(t)
	p, err := sdksts.NewPresignClient(sdksts.NewFromConfig(cfg)).PresignGetCallerIdentity(t.Context(), &sdksts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(p.Method, p.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if out, _ := io.ReadAll(resp.Body); !strings.Contains(string(out), "<Account>000000000000</Account>") {
		t.Errorf("%s %s", resp.Status, out)
	}
}

const boto3Script = `
import sys, boto3, datetime
from botocore.config import Config
kw = dict(endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id=sys.argv[2], aws_secret_access_key=sys.argv[3],
          config=Config(retries={'max_attempts': 1}))
assert boto3.client('sts', **kw).get_caller_identity()['Account'] == '000000000000'
v = boto3.client('ec2', **kw).describe_vpcs(Filters=[{'Name': 'isDefault', 'Values': ['true', 'x']}])['Vpcs'][0]
assert v['VpcId'] == 'vpc-1' and v['IsDefault'] is True and v['Tags'] == [{'Key': 'Name', 'Value': '<a & b>'}, {'Key': 'isDefault', 'Value': 'true,x'}], v
ecs = boto3.client('ecs', **kw)
t = ecs.describe_tasks(tasks=['x'])['tasks'][0]
assert t['createdAt'] == datetime.datetime(2026, 11, 21, 12, 0, tzinfo=datetime.timezone.utc), t
assert t['tags'] == [] and 'stoppedAt' not in t and t['containers'][0]['networkBindings'] == [], t
try:
    ecs.delete_cluster(cluster='x'); assert False
except ecs.exceptions.ClusterNotFoundException as e:
    assert e.response['Error']['Message'] == 'Cluster not found.' and e.response['ResponseMetadata']['RequestId']
try:
    boto3.client('ec2', **{**kw, 'aws_secret_access_key': 'x'}).describe_vpcs(); assert False
except Exception as e:
    assert e.response['Error']['Code'] == 'AuthFailure', e
logs = boto3.client('logs', **kw)
logs.create_log_group(logGroupName='g', tags={'a': 'b'})
logs.put_log_events(logGroupName='g', logStreamName='s', logEvents=[{'timestamp': 1, 'message': 'm'}])
print('read it all')
`

func TestBoto3ReadsTheAnswers(t *testing.T) {
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("boto3 is missing: CI needs it")
		}
		t.Skip("boto3 is missing")
	}
	endpoint, _ := live(t)
	out, err := exec.Command("python3", "-c", boto3Script, endpoint, testKey, testSecret).CombinedOutput()
	if err != nil || string(out) != "read it all\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// post calls a live server as the tests' key.
func post(t testing.TB, endpoint, target, body string) string {
	r, err := http.NewRequest("POST", endpoint, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return ""
	}
	r.Header.Set("X-Amz-Target", target)
	sign(t, r, body, testKey, testSecret, "", "ecs", time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}
