package bench

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/floor"
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
	request := signed(b, endpoint, op, in)
	counts, began := make(chan int), time.Now()
	for range connections {
		go func() {
			n, err := loop(strings.TrimPrefix(endpoint, "http://"), request, began.Add(window))
			if err != nil {
				b.Error(err)
			}
			counts <- n
		}()
	}
	total := 0
	for range connections {
		total += <-counts
	}
	return float64(total) / time.Since(began).Seconds()
}

// signed is a request as it goes over the wire: signing and encoding it is the client's cost, paid once.
func signed[In, Out any](b *testing.B, endpoint string, op schema.Op[In, Out], in In) []byte {
	b.Helper()
	body, err := json.Marshal(&in)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, endpoint+"/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", op.Service.TargetPrefix+"."+op.Name)
	if err := newClient(endpoint).Sign(b.Context(), r, op.Service.SigningName, body); err != nil {
		b.Fatal(err)
	}
	var raw bytes.Buffer
	if err := r.Write(&raw); err != nil {
		b.Fatal(err)
	}
	return raw.Bytes()
}

// loop asks on one connection until the deadline and returns how often it was answered. It reads no more of an answer
// than it must: the load is to cost less than what it measures.
func loop(address string, request []byte, deadline time.Time) (answered int, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	buffer := make([]byte, 64<<10)
	for time.Now().Before(deadline) {
		if _, err := conn.Write(request); err != nil {
			return answered, err
		}
		if err := readAnswer(conn, buffer); err != nil {
			return answered, err
		}
		answered++
	}
	return answered, nil
}

// readAnswer reads one answer, which fits the buffer.
func readAnswer(conn net.Conn, buffer []byte) error {
	whole := -1
	for n := 0; whole < 0 || n < whole; {
		more, err := conn.Read(buffer[n:])
		if err != nil {
			return err
		}
		n += more
		if end := bytes.Index(buffer[:n], []byte("\r\n\r\n")); whole < 0 && end >= 0 {
			if !bytes.HasPrefix(buffer, []byte("HTTP/1.1 200 ")) {
				return fmt.Errorf("answered %s", buffer[:n])
			}
			_, after, _ := bytes.Cut(buffer[:end], []byte("Content-Length: "))
			length := 0
			if _, err := fmt.Sscanf(string(after[:bytes.IndexByte(append(after, '\r'), '\r')]), "%d", &length); err != nil {
				return fmt.Errorf("no length in %s", buffer[:end])
			}
			whole = end + 4 + length
		}
	}
	return nil
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
