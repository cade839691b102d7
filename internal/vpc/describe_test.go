package vpc

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/berth-dev/berth/internal/store"
)

func TestTheDefaultVPC(t *testing.T) {
	f := newFixture(t, "eu-central-1")
	ctx, client := t.Context(), f.client()
	vpcs, err := client.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{filter("isDefault", "true")}})
	if err != nil {
		t.Fatal(err)
	}
	if len(vpcs.Vpcs) != 1 {
		t.Fatalf("%d default VPCs", len(vpcs.Vpcs))
	}
	vpc := vpcs.Vpcs[0]
	if *vpc.CidrBlock != "172.31.0.0/16" || !*vpc.IsDefault || vpc.State != types.VpcStateAvailable || *vpc.OwnerId != account {
		t.Errorf("%+v", vpc)
	}
	subnets, err := client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{
		filter("vpc-id", *vpc.VpcId), filter("default-for-az", "true"), filter("availability-zone", "eu-central-1?")}})
	if err != nil {
		t.Fatal(err)
	}
	zones := map[string]string{}
	for _, s := range subnets.Subnets {
		zones[*s.AvailabilityZone+" "+*s.AvailabilityZoneId] = *s.CidrBlock
		if *s.AvailableIpAddressCount != 4091 || !*s.MapPublicIpOnLaunch || *s.SubnetArn == "" {
			t.Errorf("%+v", s)
		}
	}
	if fmt.Sprint(zones) != "map[eu-central-1a euc1-az1:172.31.0.0/20 eu-central-1b euc1-az2:172.31.16.0/20 eu-central-1c euc1-az3:172.31.32.0/20]" {
		t.Errorf("subnets: %v", zones)
	}
	groups, err := client.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{
		filter("vpc-id", *vpc.VpcId), filter("group-name", "default"), filter("egress.ip-permission.cidr", "0.0.0.0/0")}})
	if err != nil || len(groups.SecurityGroups) != 1 {
		t.Fatalf("%+v %v", groups, err)
	}
	group := groups.SecurityGroups[0]
	if in := group.IpPermissions; len(in) != 1 || *in[0].IpProtocol != "-1" || *in[0].UserIdGroupPairs[0].GroupId != *group.GroupId {
		t.Errorf("ingress: %+v", in)
	}
	named, err := client.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupNames: []string{"default"}})
	if err != nil || len(named.SecurityGroups) != 1 {
		t.Errorf("by name: %+v %v", named, err)
	}
	all, err := client.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{filter("opt-in-status", "opt-in-not-required")}})
	if err != nil || len(all.AvailabilityZones) != 3 || *all.AvailabilityZones[2].ZoneId != "euc1-az3" {
		t.Errorf("zones: %+v %v", all, err)
	}
}

func TestDescribeNetworkInterfaces(t *testing.T) {
	f := newFixture(t, "us-east-1")
	ctx, client := t.Context(), f.client()
	made := f.mustCreate(InterfaceSpec{Subnets: []string{f.subnet(0)}, Public: true, Attachment: "arn:aws:ecs:us-east-1:123456789012:attachment/one"})
	f.mustCreate(InterfaceSpec{Subnets: []string{f.subnet(1)}})
	if err := f.db.Update(ctx, func(tx *store.Tx) error {
		return f.SetHostAddress(tx, f.scope, made.ID, netip.MustParseAddr("100.64.16.4"))
	}); err != nil {
		t.Fatal(err)
	}
	described, err := client.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{made.ID}})
	if err != nil {
		t.Fatal(err)
	}
	eni := described.NetworkInterfaces[0]
	if *eni.PrivateIpAddress != made.Address || *eni.MacAddress != made.MAC || *eni.Association.PublicIp != "100.64.16.4" ||
		*eni.Description != "arn:aws:ecs:us-east-1:123456789012:attachment/one" || !*eni.RequesterManaged || eni.Status != "in-use" ||
		eni.InterfaceType != "interface" || *eni.Groups[0].GroupName != "default" || eni.Attachment.Status != "attached" ||
		*eni.PrivateIpAddresses[0].PrivateDnsName != made.PrivateDNSName || *eni.OwnerId != account {
		t.Errorf("%+v", eni)
	}
	for name, value := range map[string]string{"private-ip-address": made.Address, "addresses.private-ip-address": made.Address,
		"description": "*attachment/one", "subnet-id": f.subnet(0), "mac-address": made.MAC, "association.public-ip": "100.64.16.4",
		"attachment.status": "attached", "private-dns-name": made.PrivateDNSName, "availability-zone": "us-east-1a"} {
		found, err := client.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{filter(name, value)}})
		if err != nil || len(found.NetworkInterfaces) != 1 || *found.NetworkInterfaces[0].NetworkInterfaceId != made.ID {
			t.Errorf("%s=%s: %+v %v", name, value, found, err)
		}
	}
	subnets, err := client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{f.subnet(0)}})
	if err != nil || *subnets.Subnets[0].AvailableIpAddressCount != 4090 {
		t.Errorf("%+v %v", subnets, err)
	}
}

func TestPages(t *testing.T) {
	f := newFixture(t, "us-east-1")
	want := map[string]bool{}
	for range 13 {
		want[f.mustCreate(InterfaceSpec{Subnets: []string{f.subnet(0)}}).ID] = true
	}
	f.mustCreate(InterfaceSpec{Subnets: []string{f.subnet(1)}})
	pages := ec2.NewDescribeNetworkInterfacesPaginator(f.client(), &ec2.DescribeNetworkInterfacesInput{
		MaxResults: aws.Int32(5), Filters: []types.Filter{filter("subnet-id", f.subnet(0))}})
	got, sizes := map[string]bool{}, []int{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.NetworkInterfaces))
		for _, i := range page.NetworkInterfaces {
			got[*i.NetworkInterfaceId] = true
		}
	}
	if fmt.Sprint(sizes) != "[5 5 3]" || !reflect.DeepEqual(got, want) {
		t.Errorf("pages of %v with %d interfaces, want %d", sizes, len(got), len(want))
	}
}

func TestErrorsOfDescribe(t *testing.T) {
	f := newFixture(t, "us-east-1")
	c := f.client()
	tests := []struct {
		name string
		call func(context.Context) error
		want string
	}{
		{"a VPC that is not there", func(ctx context.Context) error {
			_, err := c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-0123456789abcdef0"}})
			return err
		}, "InvalidVpcID.NotFound"},
		{"what is no VPC's id", func(ctx context.Context) error {
			_, err := c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"default"}})
			return err
		}, "InvalidVpcID.Malformed"},
		{"a subnet that is not there", func(ctx context.Context) error {
			_, err := c.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{"subnet-12345678"}})
			return err
		}, "InvalidSubnetID.NotFound"},
		{"a group that is not there", func(ctx context.Context) error {
			_, err := c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-12345678"}})
			return err
		}, "InvalidGroup.NotFound"},
		{"a group's name that is not there", func(ctx context.Context) error {
			_, err := c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupNames: []string{"web"}})
			return err
		}, "InvalidGroup.NotFound"},
		{"an interface that is not there", func(ctx context.Context) error {
			_, err := c.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{"eni-12345678"}})
			return err
		}, "InvalidNetworkInterfaceID.NotFound"},
		{"a zone that is not there", func(ctx context.Context) error {
			_, err := c.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{"us-east-1z"}})
			return err
		}, "InvalidParameterValue"},
		{"an unknown filter", func(ctx context.Context) error {
			_, err := c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{filter("colour", "red")}})
			return err
		}, "InvalidParameterValue"},
		{"ids and pages", func(ctx context.Context) error {
			_, err := c.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{f.subnet(0)}, MaxResults: aws.Int32(5)})
			return err
		}, "InvalidParameterCombination"},
		{"another listing's token", func(ctx context.Context) error {
			_, err := c.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{NextToken: aws.String("eni")})
			return err
		}, "InvalidNextToken"},
		{"a dry run", func(ctx context.Context) error {
			_, err := c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{DryRun: aws.Bool(true)})
			return err
		}, "DryRunOperation"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantCode(t, test.call(t.Context()), test.want) })
	}
	tagged, err := c.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: []types.Filter{filter("tag:Name", "main")}})
	if err != nil || len(tagged.Vpcs) != 0 {
		t.Errorf("a tag that nothing has: %+v %v", tagged, err)
	}
}

const boto3Script = `
import sys, boto3
from botocore.config import Config
ec2 = boto3.client('ec2', endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='k', aws_secret_access_key='k', config=Config(retries={'max_attempts': 1}))
vpc = ec2.describe_vpcs(Filters=[{'Name': 'is-default', 'Values': ['true']}])['Vpcs'][0]
assert vpc['CidrBlockAssociationSet'][0]['CidrBlockState'] == {'State': 'associated'}, vpc
subnets = ec2.describe_subnets(Filters=[{'Name': 'vpc-id', 'Values': [vpc['VpcId']]}])['Subnets']
assert sorted(s['AvailabilityZone'] for s in subnets) == ['us-east-1a', 'us-east-1b', 'us-east-1c'], subnets
assert subnets[0]['Ipv6CidrBlockAssociationSet'] == [] and subnets[0]['EnableDns64'] is False, subnets
for name, value in {'enableDnsSupport': True, 'enableDnsHostnames': True, 'enableNetworkAddressUsageMetrics': False}.items():
    got = ec2.describe_vpc_attribute(VpcId=vpc['VpcId'], Attribute=name)
    assert got[name[0].upper() + name[1:]] == {'Value': value} and got['VpcId'] == vpc['VpcId'], got
group = ec2.describe_security_groups(GroupNames=['default'])['SecurityGroups'][0]
assert group['IpPermissionsEgress'][0]['IpRanges'] == [{'CidrIp': '0.0.0.0/0'}], group
eni = next(iter(ec2.get_paginator('describe_network_interfaces').paginate(PaginationConfig={'PageSize': 5})))['NetworkInterfaces'][0]
assert eni['RequesterManaged'] is True and eni['TagSet'] == [] and eni['Ipv6Addresses'] == [] and 'Association' not in eni, eni
assert eni['Attachment']['AttachTime'].year == 2023, eni
assert ec2.describe_network_interfaces(NetworkInterfaceIds=[eni['NetworkInterfaceId']])['NetworkInterfaces'] == [eni]
try:
    ec2.describe_subnets(SubnetIds=['subnet-0123456789abcdef0']); assert False
except ec2.exceptions.ClientError as e:
    assert e.response['Error'] == {'Code': 'InvalidSubnetID.NotFound', 'Message': "The subnet ID 'subnet-0123456789abcdef0' does not exist"}, e.response
print('read it all')
`

func TestBoto3ReadsTheAnswers(t *testing.T) {
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("boto3 is missing: CI needs it")
		}
		t.Skip("boto3 is missing")
	}
	f := newFixture(t, "us-east-1")
	f.mustCreate(InterfaceSpec{Subnets: []string{f.subnet(0)}, Public: true})
	out, err := exec.Command("python3", "-c", boto3Script, f.url).CombinedOutput()
	if err != nil || string(out) != "read it all\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWildcards(t *testing.T) {
	tests := []struct {
		pattern, value string
		want           bool
	}{
		{"abc", "abc", true}, {"abc", "abcd", false}, {"abc", "ab", false}, {"", "", true}, {"", "a", false},
		{"*", "", true}, {"*", "anything", true}, {"a*c", "abbbc", true}, {"a*c", "abbb", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{`a\*c`, "a*c", true}, {`a\*c`, "abc", false}, {`a\`, `a\`, true}, {"A", "a", false}, {"**b*", "aab", true},
	}
	for _, test := range tests {
		if got := wildcards([]string{"other", test.pattern}).MatchString(test.value); got != test.want {
			t.Errorf("%q matches %q: %v", test.pattern, test.value, got)
		}
	}
}

func TestZoneIDs(t *testing.T) {
	for region, want := range map[string]string{"us-east-1": "use1", "eu-west-2": "euw2", "ap-southeast-2": "apse2", "ap-northeast-1": "apne1",
		"ca-central-1": "cac1", "us-gov-west-1": "usgw1", "me-south-1": "mes1", "sa-east-1": "sae1", "local": "local"} {
		if got := shortRegion(region); got != want {
			t.Errorf("shortRegion(%q) is %q, want %q", region, got, want)
		}
	}
}

func TestTheDefaultVPCIsTheSameEverywhere(t *testing.T) {
	scope := store.Scope{Account: "000000000000", Region: "us-east-1"}
	if a, b := defaults(scope), defaults(scope); a.vpc != b.vpc {
		t.Errorf("%v and %v", a.vpc, b.vpc)
	}
	if a, b := defaults(scope), defaults(store.Scope{Account: "000000000001", Region: "us-east-1"}); a.vpc.ID == b.vpc.ID {
		t.Error("two accounts have the same VPC")
	}
	if !wellFormed("vpc-", defaults(scope).vpc.ID) {
		t.Errorf("%s is no VPC's id", defaults(scope).vpc.ID)
	}
}
