package wire_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/floor"
)

const describeBody = `{"cluster":"default","tasks":["arn:aws:ecs:us-east-1:000000000000:task/default/0123456789abcdef0123456789abcdef"]}`

// BenchmarkDescribeTasks measures the API floor and the whole path of wire in
// the same run, over loopback with the load generator on the same cores. The
// requests are signed once: signing is the client's cost.
func BenchmarkDescribeTasks(b *testing.B) {
	answer := ecs.DescribeTasksResponse{Tasks: []ecs.Task{exampleTask()}, Failures: []ecs.Failure{}}
	for _, c := range []struct {
		name string
		h    http.Handler
	}{
		{"floor", floor.Handler(ecs.DescribeTasks, testSecret, &answer)},
		{"wire", newServer(time.Now)},
	} {
		b.Run(c.name, func(b *testing.B) {
			srv := httptest.NewServer(c.h)
			defer srv.Close()
			signed := httptest.NewRequest("POST", srv.URL+"/", strings.NewReader(describeBody))
			signed.Header.Set("Content-Type", "application/x-amz-json-1.1")
			signed.Header.Set("X-Amz-Target", ecsTarget+"DescribeTasks")
			sign(b, signed, describeBody, testKey, testSecret, "", "ecs", time.Now())
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			b.ReportAllocs()
			b.SetParallelism(4)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r, _ := http.NewRequest("POST", srv.URL, strings.NewReader(describeBody))
					r.Header = signed.Header
					resp, err := client.Do(r)
					if err != nil {
						b.Error(err)
						return
					}
					var sink bytes.Buffer
					sink.ReadFrom(resp.Body)
					resp.Body.Close()
					if resp.StatusCode != 200 {
						b.Errorf("%s", sink.String())
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
		})
	}
}
