// Command hello is the program of the built-in image berth/hello: a small web server to try a task definition with. It
// says who answers, can be slow or busy on request, shows that a secret arrived without showing it, checks its own
// health, drains on SIGTERM and logs a line a request.
//
//	/           who answers: task, container, address, number of requests so far
//	/health     200 while it serves
//	/slow?ms=N  answers after N milliseconds
//	/burn?ms=N  computes for N milliseconds
//	/env/NAME   SHA-256 of the variable's value, in hexadecimal; 404 when it is not set
//
// It listens on $PORT, 8080 when unset. `hello health` asks a running one and exits with 0 or 1.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// drain stays below the 30 seconds after which ECS kills.
const drain = 25 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	port := cmp.Or(os.Getenv("PORT"), "8080")
	switch {
	case len(args) == 0:
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
		defer stop()
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return err
		}
		return serve(ctx, listener, newGreeter(whoAmI(ctx), os.Stdout))
	case len(args) == 1 && args[0] == "health":
		return health(net.JoinHostPort("127.0.0.1", port))
	}
	return fmt.Errorf("unknown arguments %q; usage: hello [health]", args)
}

// serve answers until ctx ends, then lets the requests under way finish.
func serve(ctx context.Context, listener net.Listener, g *greeter) error {
	server := &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	g.logf("%s of task %s listens on %s", g.who.container, g.who.task, listener.Addr())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	g.logf("asked to stop: finishing %d request(s)", g.open.Load())
	limit, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	g.logf("stopped after %d request(s)", g.requests.Load())
	return nil
}

// health asks the server on address, as a container health check does.
func health(address string) error {
	client := &http.Client{Timeout: 4 * time.Second}
	resp, err := client.Get("http://" + address + "/health")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("unhealthy: %s", resp.Status)
	}
	return nil
}
