package fake

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
)

func TestConformance(t *testing.T) {
	m, further := NewMachine(), &probes{running: map[string]int{}}
	enginetest.Run(t, enginetest.Suite{
		Open: func(*testing.T) engine.Engine { return m.Engine() },
		Container: func(name string, b enginetest.Behaviour) engine.ContainerSpec {
			image := fmt.Sprintf("probe:%d-%d", b.Kind, b.Code)
			m.Script(image, map[enginetest.Kind]Behaviour{
				enginetest.Exits:    {Runs: time.Nanosecond, ExitCode: b.Code},
				enginetest.Stubborn: {Stubborn: true},
				enginetest.Broken:   {StartFails: "exec: no such file"},
				enginetest.Sleeps:   {Exec: further.run, ExecFails: further.refuses},
			}[b.Kind])
			if _, err := m.Engine().PullImage(t.Context(), engine.PullRequest{Reference: image}, nil); err != nil {
				t.Fatal(err)
			}
			return engine.ContainerSpec{Name: name, Image: image, Config: container.Config{Image: image},
				Log: engine.LogSpec{Dir: t.TempDir() + "/spool"}}
		},
		Listen: "127.0.0.1:0",
		Dial: func(address string) (net.Conn, error) {
			m.mu.Lock()
			id := ""
			for _, t := range m.tasks {
				if t.listener != nil && t.listener.addr.String() == address {
					id = t.spec.Task
				}
			}
			m.mu.Unlock()
			return m.Dial(t.Context(), id)
		},
		Probe: []string{"/probe"},
		Lose:  func(_ *testing.T, _ engine.Engine, task string) { m.Lose(task, "It was told to.") },
	})
}

// probes do what the suite's probe does when it is started beside a container's own process.
type probes struct {
	mu      sync.Mutex
	running map[string]int // by task
}

func (p *probes) refuses(cmd []string) string {
	if cmd[0] != "/probe" {
		return "no such file: " + cmd[0]
	}
	return ""
}

// count adds to the processes of a task and returns how many there were.
func (p *probes) count(task string, more int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running[task] += more
	return p.running[task] - more
}

func (p *probes) run(ctx context.Context, c Command) int {
	others := p.count(c.Task, 1)
	defer p.count(c.Task, -1)
	switch c.Cmd[1] {
	case "exit":
		code, _ := strconv.Atoi(c.Cmd[2])
		return code
	case "copy":
		n, _ := io.Copy(c.Stdout, c.Stdin)
		fmt.Fprintln(c.Stderr, n)
	case "stubborn":
		fmt.Fprintln(c.Stdout, "ready")
		<-ctx.Done()
	case "others":
		fmt.Fprintln(c.Stdout, others)
	case "terminal":
		fmt.Fprintf(c.Stdout, "%dx%d\r\n", c.Size.Width, c.Size.Height)
		typed := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(c.Stdin).ReadString('\n')
			typed <- strings.TrimSpace(line)
		}()
		for {
			select {
			case size := <-c.Sizes:
				fmt.Fprintf(c.Stdout, "%dx%d\r\n", size.Width, size.Height)
			case word := <-typed:
				fmt.Fprintf(c.Stdout, "%s\r\ntyped %s\r\n", word, word)
				return 0
			case <-ctx.Done():
				return 0
			}
		}
	case "burn":
		ms, _ := strconv.Atoi(c.Cmd[2])
		c.Burn(time.Duration(ms) * time.Millisecond)
	case "listen":
		fmt.Fprintln(c.Stdout, c.Serve(c.Cmd[2], func(conn net.Conn) {
			defer conn.Close()
			_, _ = io.Copy(conn, conn)
		}))
		<-ctx.Done()
	default:
		return 1
	}
	return 0
}
