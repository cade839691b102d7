package logs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/berth-dev/berth/internal/logsource"
)

func TestBatchesAreCheckedAsOnAWS(t *testing.T) {
	f := newFixture(t)
	c := f.client("dev")
	f.createStream("g", "s")
	now := time.Now().UnixMilli()
	hour := time.Hour.Milliseconds()
	put := func(list ...types.InputLogEvent) (*cloudwatchlogs.PutLogEventsOutput, error) {
		return c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), LogEvents: list})
	}
	at := func(time int64) types.InputLogEvent {
		return types.InputLogEvent{Timestamp: aws.Int64(time), Message: aws.String("m")}
	}
	_, err := put(at(now), at(now-1))
	refused(t, err, "InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order.")
	_, err = put(at(now-25*hour), at(now))
	refused(t, err, "InvalidParameterException", "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	_, err = put(events(now, strings.Repeat("x", 1<<20-25))...)
	refused(t, err, "InvalidParameterException", "Upload too large: 1048577 bytes exceeds limit of 1048576")
	_, err = put(events(now, "")...)
	refused(t, err, "InvalidParameterException", "at 'logEvents.1.member.message' failed to satisfy constraint")
	_, err = put(events(now, make([]string, 10_001)...)...)
	refused(t, err, "InvalidParameterException", "less than or equal to 10000")
	if _, err := put(events(now, strings.Repeat("x", 1<<20-26))...); err != nil {
		t.Error(err)
	}

	out, err := put(at(now+hour), at(now+3*hour), at(now+4*hour))
	if err != nil || *out.RejectedLogEventsInfo.TooNewLogEventStartIndex != 1 || out.NextSequenceToken == nil {
		t.Errorf("too new: %+v, %v", out, err)
	}
	out, err = put(at(now-337*hour), at(now-336*hour), at(now-335*hour))
	if err != nil || *out.RejectedLogEventsInfo.TooOldLogEventEndIndex != 2 || out.RejectedLogEventsInfo.TooNewLogEventStartIndex != nil {
		t.Errorf("too old: %+v, %v", out, err)
	}
	if _, err := c.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("g"), RetentionInDays: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	out, err = put(at(now-25*hour), at(now-23*hour))
	if err != nil || *out.RejectedLogEventsInfo.ExpiredLogEventEndIndex != 1 {
		t.Errorf("expired: %+v, %v", out, err)
	}
	_, err = c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("none"), LogStreamName: aws.String("s"), LogEvents: events(now, "x")})
	refused(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
	_, err = c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("none"), LogEvents: events(now, "x")})
	refused(t, err, "ResourceNotFoundException", "The specified log stream does not exist.")
}

func TestAnAgentsRepeatsAreStoredOnce(t *testing.T) {
	f := newFixture(t)
	f.createStream("g", "s")
	now := time.Now().UnixMilli()
	put := func(key string, first, end uint64) error {
		var lines []string
		for i := first; i < end; i++ {
			lines = append(lines, fmt.Sprint(i))
		}
		_, err := f.client(key).PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"),
			LogEvents: events(now+int64(first), lines...), SequenceToken: aws.String(logsource.Range{Source: "c", First: first, End: end}.Token())})
		return err
	}
	for _, end := range []uint64{5, 10} {
		if err := put("agent", end-5, end); err != nil {
			t.Fatal(err)
		}
	}
	var accepted *types.DataAlreadyAcceptedException
	if err := put("agent", 5, 10); !errors.As(err, &accepted) || *accepted.ExpectedSequenceToken != "10" {
		t.Fatalf("the same batch again: %v", err)
	}
	var overlaps *types.InvalidSequenceTokenException
	if err := put("agent", 7, 15); !errors.As(err, &overlaps) || *overlaps.ExpectedSequenceToken != "10" {
		t.Fatalf("a batch whose beginning is stored: %v", err)
	}
	if err := put("agent", 10, 15); err != nil {
		t.Fatal(err)
	}
	want := "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14"
	out, err := f.client("dev").GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s")})
	if err != nil || texts(out.Events) != want {
		t.Fatalf("%s, %v", texts(out.Events), err)
	}
	if err := put("dev", 14, 15); err != nil { // the member means nothing from anyone else, as on AWS
		t.Fatal(err)
	}
	refused(t, func() error {
		_, err := f.client("agent").PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"),
			LogEvents: events(now, "x"), SequenceToken: aws.String("berth:5:1:c")})
		return err
	}(), "InvalidParameterException", "is not a range of a log source")
}

func TestStreamsAreListedInEveryOrder(t *testing.T) {
	f := newFixture(t)
	now := time.Now().UnixMilli()
	last := []int{3, 0, 4, 1, 2}
	for i, n := range last {
		f.createStream("g", fmt.Sprint("s", i))
		f.put("g", fmt.Sprint("s", i), now+int64(n), "x")
	}
	f.createStream("g", "empty")
	for name, c := range map[string]struct {
		in   cloudwatchlogs.DescribeLogStreamsInput
		want string
	}{
		"by name":         {cloudwatchlogs.DescribeLogStreamsInput{}, "empty s0 s1 s2 s3 s4"},
		"by name, down":   {cloudwatchlogs.DescribeLogStreamsInput{Descending: aws.Bool(true)}, "s4 s3 s2 s1 s0 empty"},
		"by prefix":       {cloudwatchlogs.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String("s")}, "s0 s1 s2 s3 s4"},
		"by prefix, down": {cloudwatchlogs.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String("s"), Descending: aws.Bool(true)}, "s4 s3 s2 s1 s0"},
		"by time":         {cloudwatchlogs.DescribeLogStreamsInput{OrderBy: types.OrderByLastEventTime}, "empty s1 s3 s4 s0 s2"},
		"by time, down":   {cloudwatchlogs.DescribeLogStreamsInput{OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true)}, "s2 s0 s4 s3 s1 empty"},
	} {
		for _, limit := range []int32{1, 2, 4, 6, 50} {
			in := c.in
			in.LogGroupIdentifier, in.Limit = aws.String("arn:aws:logs:eu-west-1:123456789012:log-group:g"), &limit
			var got []string
			for p := cloudwatchlogs.NewDescribeLogStreamsPaginator(f.client("dev"), &in); p.HasMorePages(); {
				page, err := p.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range page.LogStreams {
					got = append(got, *s.LogStreamName)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s, %d a page: %s, want %s", name, limit, got, c.want)
			}
		}
	}
	out, err := f.client("dev").DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("g"), LogStreamNamePrefix: aws.String("s2")})
	if err != nil {
		t.Fatal(err)
	}
	s := out.LogStreams[0]
	if *s.Arn != "arn:aws:logs:eu-west-1:123456789012:log-group:g:log-stream:s2" || *s.FirstEventTimestamp != now+4 || *s.LastEventTimestamp != now+4 ||
		s.LastIngestionTime == nil || s.UploadSequenceToken == nil {
		t.Errorf("described: %+v", s)
	}
	_, err = f.client("dev").DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("g"), OrderBy: types.OrderByLastEventTime, LogStreamNamePrefix: aws.String("s")})
	refused(t, err, "InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
	_, err = f.client("dev").DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{})
	refused(t, err, "InvalidParameterException", "logGroupIdentifier")
}

func TestGetLogEventsGoesBothWays(t *testing.T) {
	f := newFixture(t)
	c := f.client("dev")
	f.createStream("g", "s")
	now := time.Now().UnixMilli()
	read := func(token *string, limit int32, head bool) *cloudwatchlogs.GetLogEventsOutput {
		t.Helper()
		out, err := c.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), NextToken: token, Limit: &limit, StartFromHead: &head})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	empty := read(nil, 3, false)
	f.put("g", "s", now, "a", "b", "c", "d", "e")
	if got := texts(read(empty.NextForwardToken, 9, true).Events); got != "a b c d e" {
		t.Errorf("after an empty page: %s", got)
	}
	tail := read(nil, 2, false)
	if got := texts(tail.Events); got != "d e" {
		t.Errorf("the latest two: %s", got)
	}
	if again := read(tail.NextForwardToken, 2, true); len(again.Events) != 0 || *again.NextForwardToken != *tail.NextForwardToken {
		t.Errorf("at the end: %+v, want the same token", again)
	}
	f.put("g", "s", now+4, "f") // the same millisecond as e
	if got := texts(read(tail.NextForwardToken, 2, true).Events); got != "f" {
		t.Errorf("what came since: %s", got)
	}
	back := read(tail.NextBackwardToken, 2, false)
	if got := texts(back.Events); got != "b c" {
		t.Errorf("before the latest two: %s", got)
	}
	first := read(back.NextBackwardToken, 2, false)
	begin := read(first.NextBackwardToken, 2, false)
	if texts(first.Events) != "a" || len(begin.Events) != 0 || *begin.NextBackwardToken != *first.NextBackwardToken {
		t.Errorf("at the beginning: %s, then %+v", texts(first.Events), begin)
	}
	if got := texts(read(begin.NextForwardToken, 2, true).Events); got != "a b" {
		t.Errorf("forward from before the beginning: %s", got)
	}
	head := read(nil, 2, true)
	if got := texts(head.Events) + " " + texts(read(head.NextForwardToken, 2, true).Events); got != "a b c d" {
		t.Errorf("from the head: %s", got)
	}
	out, err := c.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), StartTime: aws.Int64(now + 1), EndTime: aws.Int64(now + 3)})
	if err != nil || texts(out.Events) != "b c" {
		t.Errorf("between times: %s, %v", texts(out.Events), err)
	}
	for _, token := range []string{"x", "f/1/s", "f/", "b/" + strings.Repeat("9", 56) + "/s", "c/" + strings.Repeat("0", 56) + "/s"} {
		_, err := c.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), NextToken: &token})
		refused(t, err, "InvalidParameterException", "The specified nextToken is invalid.")
	}
}

func TestAnswersAreBoundedInBytes(t *testing.T) {
	f := newFixture(t)
	f.createStream("g", "s")
	now := time.Now().UnixMilli()
	big := strings.Repeat("x", 400_000)
	for i := range 5 {
		f.put("g", "s", now+int64(i), fmt.Sprint(i, big))
	}
	n, pages := 0, 0
	for p := cloudwatchlogs.NewFilterLogEventsPaginator(f.client("dev"), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("g")}); p.HasMorePages(); pages++ {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Events)
	}
	if n != 5 || pages != 3 {
		t.Errorf("%d events in %d pages", n, pages)
	}
	out, err := f.client("dev").GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s")})
	if err != nil || len(out.Events) != 2 || (*out.Events[1].Message)[0] != '4' {
		t.Errorf("%d of the latest events, %v", len(out.Events), err)
	}
}

func TestFilterMergesStreamsAndPages(t *testing.T) {
	f := newFixture(t)
	now := time.Now().UnixMilli()
	want, odd := "", ""
	for i := range 60 {
		stream := fmt.Sprint("web/", i%3)
		if i < 3 {
			f.createStream("g", stream)
		}
		f.put("g", stream, now+int64(i), fmt.Sprint(`{"n":`, i, "}"))
		want += fmt.Sprintf(`{"n":%d} `, i)
		if i%3 == 1 && i > 20 {
			odd += fmt.Sprintf(`{"n":%d} `, i)
		}
	}
	for name, c := range map[string]struct {
		in   cloudwatchlogs.FilterLogEventsInput
		want string
	}{
		"all":              {cloudwatchlogs.FilterLogEventsInput{}, want},
		"by names":         {cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"web/1"}, FilterPattern: aws.String("{ $.n > 20 }")}, odd},
		"by prefix":        {cloudwatchlogs.FilterLogEventsInput{LogStreamNamePrefix: aws.String("web/1"), StartTime: aws.Int64(now + 21)}, odd},
		"the end included": {cloudwatchlogs.FilterLogEventsInput{StartTime: aws.Int64(now + 5), EndTime: aws.Int64(now + 6)}, `{"n":5} {"n":6} `},
	} {
		for _, limit := range []int32{1, 7, 60, 10_000} {
			in := c.in
			in.LogGroupName, in.Limit = aws.String("g"), &limit
			got, ids := "", map[string]bool{}
			for p := cloudwatchlogs.NewFilterLogEventsPaginator(f.client("dev"), &in); p.HasMorePages(); {
				page, err := p.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range page.Events {
					got += *e.Message + " "
					ids[*e.EventId] = true
				}
			}
			if got != c.want || len(ids) != strings.Count(c.want, " ") {
				t.Errorf("%s, %d a page: %s with %d ids", name, limit, got, len(ids))
			}
		}
	}
	c := f.client("dev")
	_, err := c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("g"), FilterPattern: aws.String("{ nonsense")})
	refused(t, err, "InvalidParameterException", "Invalid filter pattern")
	_, err = c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("g"), LogStreamNames: []string{"none"}})
	refused(t, err, "ResourceNotFoundException", "The specified log stream does not exist.")
	_, err = c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("g"), NextToken: aws.String("12")})
	refused(t, err, "InvalidParameterException", "The specified nextToken is invalid.")
}

// TestTailFollows does what `aws logs tail --follow` does: it asks from the time of the latest event it has seen, and
// passes over the events of that time whose ids it knows.
func TestTailFollows(t *testing.T) {
	f := newFixture(t)
	now := time.Now().UnixMilli()
	start := now - 600_000
	seen := map[string]bool{}
	var got []string
	poll := func() {
		in := cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("g"), StartTime: &start}
		latest := start
		for p := cloudwatchlogs.NewFilterLogEventsPaginator(f.client("dev"), &in); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				if !seen[*e.EventId] {
					got = append(got, *e.Message)
				}
				seen[*e.EventId] = true
				latest = *e.Timestamp
			}
		}
		start = latest
	}
	f.createStream("g", "a")
	f.createStream("g", "b")
	for i := range 5 {
		f.put("g", "a", now, fmt.Sprint("a", i)) // all of one millisecond
		poll()
		f.put("g", "b", now, fmt.Sprint("b", i))
		poll()
		poll()
	}
	if want := "a0 b0 a1 b1 a2 b2 a3 b3 a4 b4"; strings.Join(got, " ") != want {
		t.Errorf("tail showed %s, want %s", got, want)
	}
}

func FuzzTokens(f *testing.F) {
	f.Add("f/" + strings.Repeat("0", 56) + "/s")
	f.Add("MTI6bmFtZQ")
	f.Fuzz(func(t *testing.T, token string) {
		if p, backward, err := readEventsToken(token); err == nil {
			again := forwardToken(p)
			if backward {
				again = backwardToken(p)
			}
			if again != token {
				t.Fatalf("%q reads as %q", token, again)
			}
		}
		if s, err := readStreamToken(token); err == nil && s != nil {
			if again, err := readStreamToken(streamToken(*s)); err != nil || *again != *s {
				t.Fatalf("%+v, %v; was %+v", again, err, s)
			}
		}
	})
}
