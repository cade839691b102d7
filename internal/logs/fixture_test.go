package logs

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// fixture is the service behind a real wire server, called by the official SDK.
type fixture struct {
	testing.TB
	*Service
	journal journal.Journal
	url     string
	offset  atomic.Int64 // how far the service's clock is ahead
}

// keys are the access keys of the fixture: each one's secret is itself. "agent" is an agent's.
type keys struct{}

func (keys) Lookup(_ context.Context, key, _ string, _ *http.Request) (wire.Credential, error) {
	kind := wire.Root
	if key == "agent" {
		kind = wire.Agent
	}
	return wire.Credential{Secret: key, Caller: wire.Caller{Account: "123456789012", AccessKeyID: key, Kind: kind}}, nil
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	j, err := journal.OpenPebble(t.TempDir(), slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{TB: t, journal: j}
	db := store.Memory()
	f.Service = New(db, Config{Journal: j, Now: func() time.Time { return time.Now().Add(time.Duration(f.offset.Load())) }})
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := wire.New(wire.Config{Credentials: keys{}})
	f.Register(server)
	listener := httptest.NewServer(server)
	f.url = listener.URL
	t.Cleanup(func() {
		listener.Close()
		db.Close()
		j.Close()
	})
	return f
}

func (f *fixture) client(key string) *cloudwatchlogs.Client {
	return cloudwatchlogs.New(cloudwatchlogs.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(f.url),
		Credentials:  credentials.NewStaticCredentialsProvider(key, key, ""),
	})
}

func (f *fixture) createStream(group, stream string) {
	f.Helper()
	c := f.client("dev")
	_, err := c.CreateLogGroup(f.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
	if err != nil && code(err) != "ResourceAlreadyExistsException" {
		f.Fatal(err)
	}
	if _, err := c.CreateLogStream(f.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream}); err != nil {
		f.Fatal(err)
	}
}

// put appends one event for each message, a millisecond apart, the first at time.
func (f *fixture) put(group, stream string, time int64, messages ...string) {
	f.Helper()
	_, err := f.client("dev").PutLogEvents(f.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events(time, messages...)})
	if err != nil {
		f.Fatal(err)
	}
}

func events(time int64, messages ...string) (list []types.InputLogEvent) {
	for i, m := range messages {
		list = append(list, types.InputLogEvent{Timestamp: aws.Int64(time + int64(i)), Message: aws.String(m)})
	}
	return list
}

// code is the AWS error code of err, empty when it is none.
func code(err error) string {
	var aws smithy.APIError
	if errors.As(err, &aws) {
		return aws.ErrorCode()
	}
	return ""
}

// refused fails the test unless err has that code and its message contains text.
func refused(t *testing.T, err error, want, text string) {
	t.Helper()
	if code(err) != want || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %s: %s", err, want, text)
	}
}

func texts(list []types.OutputLogEvent) string {
	var all []string
	for _, e := range list {
		all = append(all, *e.Message)
	}
	return strings.Join(all, " ")
}

func filtered(list []types.FilteredLogEvent) string {
	var all []string
	for _, e := range list {
		all = append(all, *e.Message)
	}
	return strings.Join(all, " ")
}
