// Package wire is AWS over HTTP: one handler for every service. It finds out
// which service and operation a request is for, checks its signature, reads
// its input into the generated Go types, checks the model's constraints, calls
// what was registered, and writes the answer or the error in the request's own
// protocol. It knows no service: those register their operations.
//
// cmd/berth makes the one Server; service packages register with Service and
// Handle; their handlers learn by CallerOf and RequestID who asks.
package wire

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/unsupported"
	"github.com/berth-dev/berth/internal/wire/sigv4"
)

// Config is what a Server needs.
type Config struct {
	Credentials Credentials  // knows the access keys
	Log         *slog.Logger // nil: slog.Default
	// Admit, when set, may refuse an operation for want of means: its error's text is answered as a failure of the service.
	Admit func(op *schema.Operation) error
	// Unsupported keeps what is asked for and not done. Nil: it is kept until the server is gone.
	Unsupported *unsupported.Register
	MaxBody     int64            // bytes of a request, also after inflation; 0 is 4 MiB
	Skew        time.Duration    // how far a client's clock may be off; 0 is 5 minutes
	Now         func() time.Time // nil: time.Now
}

// Server is the handler. Register everything before it serves.
type Server struct {
	Config
	routes routes
	mux    http.ServeMux // the raw routes
	keys   sigv4.Keys
}

// New returns a server that knows no service yet.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.MaxBody == 0 {
		c.MaxBody = 4 << 20
	}
	if c.Skew == 0 {
		c.Skew = 5 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Unsupported == nil {
		c.Unsupported = unsupported.New(c.Now())
	}
	return &Server{Config: c}
}

// Handle adds a raw route (a pattern of http.ServeMux, not "/") whose requests
// must be signed: the agents' websockets, Berth's own verbs. The body that h
// reads has been checked against the signature.
func (s *Server) Handle(pattern string, h http.Handler) {
	s.mux.Handle(pattern, s.signed(h))
}

// Stream is Handle for a route whose body is too large to be held: h reads it as it comes, without a bound and unproven.
// The signature covers everything else; the client signs UNSIGNED-PAYLOAD.
func (s *Server) Stream(pattern string, h http.Handler) {
	s.mux.Handle(pattern, s.signedStream(h))
}

// Open adds a raw route that needs no signature: health.
func (s *Server) Open(pattern string, h http.Handler) {
	s.mux.Handle(pattern, h)
}

// HTTP returns an http.Server for this handler with limits on how long a
// client may take and how large its header may be. Shutdown it gracefully.
// Routes that take over their connection, as websockets do, are not bound by
// the limits.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute, // from the end of the header on
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
}
