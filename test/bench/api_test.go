package bench

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/floor"
	"github.com/berth-dev/berth/test/load"
)

// BenchmarkAPI measures answered requests per second, closed loop over loopback with the load on the same cores. The
// floor is a process that sends the same bytes.
func BenchmarkAPI(b *testing.B) {
	s := startWithFamilies(b)
	arns, _ := s.up(hello, 1)
	beside(s, ecs.DescribeTasks, ecs.DescribeTasksRequest{Tasks: arns}, "DescribeTasks, one task", 0.4)
	s.down(arns)
	beside(s, ecs.RegisterTaskDefinition, definition(hello), "RegisterTaskDefinition, durable", 0)
	b.ReportMetric(0, "ns/op")
}

// beside measures an operation of Berth and of the floor in turn.
func beside[In, Out any](s *subject, op schema.Op[In, Out], in In, what string, atLeast float64) {
	s.b.Helper()
	answer := call(s, op, in)
	lowest := startFloor(s.b, op.Name, answer)
	var berth, bare []float64
	for range 3 {
		bare = append(bare, rate(s.b, lowest, op, in))
		berth = append(berth, rate(s.b, s.Endpoint, op, in))
	}
	measured.add(row{What: what, Value: median(berth), Unit: "req/s", Floor: median(bare), FloorIs: "net/http + JSON + SigV4", MinRatio: atLeast})
	s.b.ReportMetric(median(berth), "req/s/"+op.Name)
}

const (
	connections = 16
	window      = 2 * time.Second
)

// rate sends the same signed request over and over on some connections and returns how many were answered each second.
func rate[In, Out any](b *testing.B, endpoint string, op schema.Op[In, Out], in In) float64 {
	b.Helper()
	request, err := load.Signed(b.Context(), newClient(endpoint), op, in)
	if err != nil {
		b.Fatal(err)
	}
	answered, err := load.Rate(endpoint, slices.Repeat([][]byte{request}, connections), window)
	if err != nil {
		b.Fatal(err)
	}
	return answered
}

// What tells this program to be the floor: the operation, and the answer.
const (
	floorOperation = "BERTH_FLOOR_OPERATION"
	floorAnswer    = "BERTH_FLOOR_ANSWER"
)

// startFloor starts the floor as a process of its own, as Berth is one, and returns its endpoint.
func startFloor(b *testing.B, operation string, answer any) string {
	b.Helper()
	text, err := json.Marshal(answer)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floorOperation+"="+operation, floorAnswer+"="+base64.StdEncoding.EncodeToString(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var endpoint string
	if _, err := fmt.Fscanln(out, &endpoint); err != nil {
		b.Fatalf("the floor says nothing: %v", err)
	}
	return endpoint
}

// serveFloor is the floor, if this process is to be it.
func serveFloor() bool {
	var handler http.Handler
	switch os.Getenv(floorOperation) {
	case "":
		return false
	case ecs.DescribeTasks.Name:
		handler = floorOf(ecs.DescribeTasks)
	case ecs.RegisterTaskDefinition.Name:
		handler = floorOf(ecs.RegisterTaskDefinition)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s\n", l.Addr())
	panic(http.Serve(l, handler))
}

func floorOf[In, Out any](op schema.Op[In, Out]) http.Handler {
	text, err := base64.StdEncoding.DecodeString(os.Getenv(floorAnswer))
	answer := new(Out)
	if err == nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil {
		panic(err)
	}
	return floor.Handler(op, testKey, answer)
}
