package bench

import (
	"net"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/berthtest"
)

// BenchmarkFirstAnswer measures from the start of the program to its first answer to a signed request: on a new data
// directory, and after SIGKILL with tasks that run.
func BenchmarkFirstAnswer(b *testing.B) {
	const rounds = 5
	var fresh, again []time.Duration
	for range rounds {
		s := &subject{Berth: berthtest.New(b), b: b}
		s.Endpoint = "http://" + freeAddress(b)
		s.client = newClient(s.Endpoint)
		fresh = append(fresh, s.firstAnswer())
		s.AwaitReady()
		call(s, ecs.RegisterTaskDefinition, definition(hello))
		arns, _ := s.up(hello, 3)
		s.Kill()
		again = append(again, s.firstAnswer())
		s.down(arns)
	}
	measured.add(row{What: "start to first answer", Value: ms(median(fresh)), Unit: "ms", AtMost: 1000})
	measured.add(row{What: "start to first answer after SIGKILL, 3 tasks", Value: ms(median(again)), Unit: "ms", AtMost: 1000})
	b.ReportMetric(ms(median(fresh)), "ms/fresh")
	b.ReportMetric(ms(median(again)), "ms/killed")
	b.ReportMetric(0, "ns/op")
}

// firstAnswer starts the program and returns how long it took to answer.
func (s *subject) firstAnswer() time.Duration {
	s.b.Helper()
	began := time.Now()
	s.Launch()
	for {
		once := *s.client
		once.Attempts = 1
		_, err := client.Call(s.b.Context(), &once, ecs.ListTaskDefinitions, &ecs.ListTaskDefinitionsRequest{})
		if took := time.Since(began); err == nil {
			return took
		} else if took > 30*time.Second {
			s.b.Fatalf("no answer within 30 s: %v\n%s", err, s.Wrote())
		}
		select {
		case <-s.Ended():
			s.b.Fatalf("berth dev ended:\n%s", s.Wrote())
		case <-time.After(time.Millisecond):
		}
	}
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
