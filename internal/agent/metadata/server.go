// Package metadata answers what containers ask on their task's own listener: their credentials, what they are, and the
// AWS API itself, which it passes on to the control plane for the task's own credentials and for no others.
// internal/agent/task gives it listeners, internal/agent/session the credentials.
//
// Which task asks is never read from a request: a listener belongs to one task. In host mode, where other processes
// reach the listener too, what they need to know is the id of the credentials, as on EC2.
package metadata

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/net/netutil"

	"github.com/berth-dev/berth/internal/agent/stats"
)

// Config is what a Server answers with.
type Config struct {
	Endpoint  *url.URL          // of the control plane, without a path
	Transport http.RoundTripper // to it; default http.DefaultTransport
	Region    string            // of the tasks
	Keyring   *Keyring
	// Stats measures what tasks use: *stats.Sampler.
	Stats Stats
	// Instance is the ARN of the container instance that an identity's tasks run on; empty where the API shows none.
	Instance func(identity string) string
	// Tags asks the control plane, as an identity of the machine, for the tags of a resource.
	Tags func(ctx context.Context, identity, arn string) (map[string]string, error)
	// Patience is how long a request waits for credentials that the control plane has yet to send, as after a start of
	// the agent. Default 10 s.
	Patience time.Duration
	Log      *slog.Logger // default slog.Default()
}

// maxConnections is how many connections to its listener a task may have; more wait until one is closed.
const maxConnections = 128

// Stats measures what a task's containers use.
type Stats interface {
	Read(ctx context.Context, t stats.Task) ([]stats.Usage, error)
}

// Task is a task whose listener is served.
type Task struct {
	ID, Identity string
	HasRole      bool // it has a task role, so that credentials will come
	OwnAddress   bool // its network mode is awsvpc
	Associated   []Associated
	Describe     func() Description
	Measured     func() stats.Task
}

// Server answers on the listeners of tasks. Its methods may be called at the same time.
type Server struct {
	Config
	proxy http.Handler

	mu    sync.Mutex
	tasks map[string]*http.Server
	wg    sync.WaitGroup
}

// New returns a server that serves no task yet.
func New(cfg Config) *Server {
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	if cfg.Patience == 0 {
		cfg.Patience = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{Config: cfg, tasks: map[string]*http.Server{}}
	s.proxy = s.forward()
	return s
}

// Serve answers on a task's listener until Forget or Close, and closes it then. Serving a task again changes nothing.
func (s *Server) Serve(t Task, l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tasks[t.ID] != nil {
		_ = l.Close()
		return
	}
	server := &http.Server{
		Handler:           s.handler(t),
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	s.tasks[t.ID] = server
	s.wg.Go(func() {
		if err := server.Serve(netutil.LimitListener(l, maxConnections)); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.Log.Debug("a task's metadata endpoint ended", "task", t.ID, "error", err)
		}
	})
}

// Forget stops answering for a task.
func (s *Server) Forget(task string) {
	s.mu.Lock()
	server := s.tasks[task]
	delete(s.tasks, task)
	s.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

// Close stops answering. Requests under way get a second to end; connections that are not accepted yet wait for the
// next agent.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.mu.Lock()
	tasks := s.tasks
	s.tasks = map[string]*http.Server{}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, server := range tasks {
		wg.Go(func() {
			if server.Shutdown(ctx) != nil {
				_ = server.Close()
			}
		})
	}
	wg.Wait()
	s.wg.Wait()
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		http.Error(w, "encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
