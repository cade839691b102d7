package service

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// The official SDK is strict about types where others let wrong ones pass.
func TestWithTheGoSDK(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	c := sdk.New(sdk.Options{Region: here.Region, BaseEndpoint: &w.endpoint, Credentials: credentials.NewStaticCredentialsProvider("AK", "secret", "")})
	ctx := t.Context()
	made := got(c.CreateService(ctx, &sdk.CreateServiceInput{ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(2),
		LaunchType: types.LaunchTypeFargate, ClientToken: aws.String("t"), HealthCheckGracePeriodSeconds: aws.Int32(5),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}},
		LoadBalancers:        []types.LoadBalancer{{TargetGroupArn: aws.String(groupOfAddresses), ContainerName: aws.String("web"), ContainerPort: aws.Int32(80)}},
		Tags:                 []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}))(w).Service
	if *made.HealthCheckGracePeriodSeconds != 5 || made.CreatedAt == nil || made.Deployments[0].CreatedAt == nil || len(made.CurrentServiceRevisions) != 1 {
		t.Errorf("made %+v", made)
	}
	w.tell("web", "something")
	updated := got(c.UpdateService(ctx, &sdk.UpdateServiceInput{Service: made.ServiceArn, ForceNewDeployment: true}))(w).Service
	described := got(c.DescribeServices(ctx, &sdk.DescribeServicesInput{Services: []string{"web", "none"}, Include: []types.ServiceField{types.ServiceFieldTags}}))(w)
	if s := described.Services[0]; len(s.Tags) != 1 || s.Events[0].CreatedAt == nil || *described.Failures[0].Reason != "MISSING" {
		t.Errorf("described %+v", described)
	}
	deployments := got(c.DescribeServiceDeployments(ctx, &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*updated.CurrentServiceDeployment}}))(w).ServiceDeployments
	if d := deployments[0]; len(d.SourceServiceRevisions) != 1 || d.CreatedAt == nil || d.StartedAt != nil || d.Alarms == nil {
		t.Errorf("deployment %+v", d)
	}
	revisions := got(c.DescribeServiceRevisions(ctx, &sdk.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{*deployments[0].TargetServiceRevision.Arn}}))(w).ServiceRevisions
	if r := revisions[0]; *r.TaskDefinition != *made.TaskDefinition || r.CreatedAt == nil {
		t.Errorf("revision %+v", r)
	}
	listed := 0
	for pages := sdk.NewListServicesPaginator(c, &sdk.ListServicesInput{MaxResults: aws.Int32(1)}); pages.HasMorePages(); {
		listed += len(got(pages.NextPage(ctx))(w).ServiceArns)
	}
	if listed != 1 {
		t.Errorf("%d services are listed", listed)
	}
	got(c.DeleteService(ctx, &sdk.DeleteServiceInput{Service: aws.String("web"), Force: aws.Bool(true)}))(w)
}
