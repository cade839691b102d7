package logs

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

func TestGroupsAreDescribedAsOnAWS(t *testing.T) {
	f := newFixture(t)
	c := f.client("dev")
	name := aws.String("/ecs/web")
	in := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name, Tags: map[string]string{"team": "a"}}
	if _, err := c.CreateLogGroup(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	_, err := c.CreateLogGroup(t.Context(), in)
	refused(t, err, "ResourceAlreadyExistsException", "The specified log group already exists")

	out, err := c.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: name})
	if err != nil || len(out.LogGroups) != 1 {
		t.Fatal(out, err)
	}
	g := out.LogGroups[0]
	const arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/web"
	if *g.Arn != arn+":*" || *g.LogGroupArn != arn || g.LogGroupClass != types.LogGroupClassStandard || *g.StoredBytes != 0 ||
		g.RetentionInDays != nil || *g.MetricFilterCount != 0 || time.Since(time.UnixMilli(*g.CreationTime)) > time.Minute {
		t.Errorf("described: %+v", g)
	}

	if tags, err := c.ListTagsForResource(t.Context(), &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String(arn)}); err != nil || tags.Tags["team"] != "a" {
		t.Errorf("tags: %v, %v", tags, err)
	}
	if _, err := c.TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{ResourceArn: aws.String(arn), Tags: map[string]string{"team": "b", "x": ""}}); err != nil {
		t.Error(err)
	}
	if _, err := c.UntagResource(t.Context(), &cloudwatchlogs.UntagResourceInput{ResourceArn: aws.String(arn), TagKeys: []string{"x", "absent"}}); err != nil {
		t.Error(err)
	}
	//lint:ignore SA1019 older clients call it
	tags, err := c.ListTagsLogGroup(t.Context(), &cloudwatchlogs.ListTagsLogGroupInput{LogGroupName: name})
	if err != nil || fmt.Sprint(tags.Tags) != "map[team:b]" {
		t.Errorf("tags: %v, %v", tags, err)
	}
	many := map[string]string{}
	for i := range 50 {
		many[fmt.Sprint(i)] = ""
	}
	_, err = c.TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{ResourceArn: aws.String(arn), Tags: many})
	refused(t, err, "TooManyTagsException", "50")

	if _, err := c.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: name}); err != nil {
		t.Error(err)
	}
	_, err = c.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: name})
	refused(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
	_, err = c.ListTagsForResource(t.Context(), &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String(arn)})
	refused(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
}

func TestGroupsArePagedByName(t *testing.T) {
	f := newFixture(t)
	c := f.client("dev")
	want := ""
	for i := range 120 {
		name := fmt.Sprintf("/ecs/%03d", i)
		want += name
		for _, name := range []string{name, fmt.Sprintf("/app%d", i), fmt.Sprintf("/ecsx/%d", i)} {
			if _, err := c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, in := range map[string]*cloudwatchlogs.DescribeLogGroupsInput{
		"prefix":  {LogGroupNamePrefix: aws.String("/ecs/"), Limit: aws.Int32(7)},
		"pattern": {LogGroupNamePattern: aws.String("cs/")},
	} {
		got, pages := "", 0
		for p := cloudwatchlogs.NewDescribeLogGroupsPaginator(c, in); p.HasMorePages(); pages++ {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range page.LogGroups {
				got += *g.LogGroupName
			}
		}
		if got != want || pages < 3 {
			t.Errorf("%s: %d pages of %s", name, pages, got)
		}
	}
	out, err := c.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupIdentifiers: []string{
		"/ecs/004", "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/005", "/none"}})
	if err != nil || len(out.LogGroups) != 2 || *out.LogGroups[1].LogGroupName != "/ecs/005" {
		t.Errorf("by identifier: %+v, %v", out, err)
	}
	_, err = c.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{NextToken: aws.String("%%")})
	refused(t, err, "InvalidParameterException", "The specified nextToken is invalid.")
	_, err = c.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("a"), LogGroupNamePattern: aws.String("b")})
	refused(t, err, "InvalidParameterException", "mutually exclusive")
}

func TestRetentionHidesAtOnceAndRemovesLater(t *testing.T) {
	f := newFixture(t)
	c := f.client("dev")
	f.createStream("g", "s")
	now := time.Now().UnixMilli()
	day := (24 * time.Hour).Milliseconds()
	f.put("g", "s", now-5*day, "old")
	f.put("g", "s", now-2*day, "young")
	read := func() string {
		out, err := c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("g")})
		if err != nil {
			t.Fatal(err)
		}
		return filtered(out.Events)
	}
	_, err := c.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("g"), RetentionInDays: aws.Int32(2)})
	refused(t, err, "InvalidParameterException", "Value '2' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, 3, 5, ")
	set := func(days int32) {
		if _, err := c.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("g"), RetentionInDays: &days}); err != nil {
			t.Fatal(err)
		}
	}
	set(3)
	if got := read(); got != "young" {
		t.Errorf("with 3 days: %s", got)
	}
	if _, err := c.DeleteRetentionPolicy(t.Context(), &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: aws.String("g")}); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "old young" {
		t.Errorf("without retention, before a sweep: %s", got)
	}
	set(3)
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteRetentionPolicy(t.Context(), &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: aws.String("g")}); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "young" {
		t.Errorf("after a sweep: %s", got)
	}
}

func TestWhatBelongsToNoGroupIsSwept(t *testing.T) {
	f := newFixture(t)
	f.createStream("g", "s")
	if err := f.journal.CreateStream(t.Context(), 99, "left by a crash", 1); err != nil {
		t.Fatal(err)
	}
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	groups, err := f.journal.Groups(t.Context())
	if err != nil || len(groups) != 1 || groups[0] == 99 {
		t.Fatal(groups, err)
	}
}

func TestAGroupMadeAnewIsEmpty(t *testing.T) {
	f := newFixture(t)
	c := f.client("dev")
	f.createStream("g", "s")
	f.put("g", "s", time.Now().UnixMilli(), "old")
	if _, err := c.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("g")}); err != nil {
		t.Fatal(err)
	}
	f.createStream("g", "s")
	out, err := c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("g")})
	if err != nil || len(out.Events) != 0 {
		t.Fatal(out, err)
	}
}
