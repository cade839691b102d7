package logs

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// BenchmarkPutLogEvents puts batches of ten 100-byte lines through the whole API, signatures and HTTP included, from 64 writers with a
// stream each. Its floor is BenchmarkRawPebble of package journal: the same lines as durable, with nothing around them.
func BenchmarkPutLogEvents(b *testing.B) {
	f := newFixture(b)
	c := client.New(f.url, client.Static("agent", "agent", ""), "eu-west-1")
	if _, err := client.Call(b.Context(), c, api.CreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: "g"}); err != nil {
		b.Fatal(err)
	}
	const writers, lines = 64, 10
	for w := range writers {
		if _, err := client.Call(b.Context(), c, api.CreateLogStream, &api.CreateLogStreamRequest{LogGroupName: "g", LogStreamName: fmt.Sprint(w)}); err != nil {
			b.Fatal(err)
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = writers
	c.HTTP.Transport = transport
	defer transport.CloseIdleConnections()
	line := strings.Repeat("x", 100)
	var next atomic.Int64
	b.SetParallelism(writers / 2)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		in := &api.PutLogEventsRequest{LogGroupName: "g", LogStreamName: fmt.Sprint(next.Add(1) % writers), LogEvents: make([]api.InputLogEvent, lines)}
		for pb.Next() {
			now := time.Now().UnixMilli()
			for i := range in.LogEvents {
				in.LogEvents[i] = api.InputLogEvent{Timestamp: &now, Message: line}
			}
			if _, err := client.Call(b.Context(), c, api.PutLogEvents, in); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N*lines)/b.Elapsed().Seconds(), "events/s")
}
