package dispatch

import (
	"context"
	"log/slog"
	"net/http"

	"golang.org/x/time/rate"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// Config is what a Dispatcher works with.
type Config struct {
	DB       *store.DB
	Tables   ecs.Tables
	Observer Observer
	Issuer   Issuer
	Usage    Usage // nil: nobody wants to know
	// Endpoint returns the URL at which agents reach this server: "http://127.0.0.1:4566".
	Endpoint func() string
	Log      *slog.Logger // nil discards
}

// Dispatcher holds the sessions of the agents that are connected to this server.
type Dispatcher struct {
	Config
	sequences *store.Table[Sequence]
	sessions  *book[*session]
	telemetry *book[*telemetry]
	pace      pace
	entrance  entrance
}

// New makes a dispatcher and declares its table: call it before the store is started.
func New(config Config) *Dispatcher {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Dispatcher{
		Config:    config,
		sequences: store.NewTable[Sequence](config.DB, "ecs", sequenceKind),
		sessions:  newBook[*session](),
		telemetry: newBook[*telemetry](),
		pace:      pace{limits: map[instanceKey]*rate.Limiter{}},
		entrance:  make(entrance, entrants),
	}
}

// Routes mounts the sockets. handle must let signed requests alone through.
func (d *Dispatcher) Routes(handle func(pattern string, h http.Handler)) {
	handle("GET "+acsPath+"/ws", http.HandlerFunc(d.serveACS))
	handle("GET "+tcsPath+"/ws", http.HandlerFunc(d.serveTCS))
}

// Connected tells whether an instance's agent has a session with this server, which the instance's record names.
func (d *Dispatcher) Connected(scope store.Scope, instance string) bool {
	s := d.sessions.get(instanceKey{scope, instance})
	return s != nil && s.recorded.Load()
}

// Close ends every session and waits for them.
func (d *Dispatcher) Close() {
	d.sessions.close()
	d.telemetry.close()
}

// Run tells sessions what changes, until ctx ends or the store closes.
func (d *Dispatcher) Run(ctx context.Context) {
	before, tasks := d.Tables.Tasks.Watch(ctx)
	for _, row := range before { // a session that is there already has been told of none that came since it began
		d.tell(row)
	}
	_, instances := d.Tables.Instances.Watch(ctx)
	for tasks != nil || instances != nil {
		select {
		case e, ok := <-tasks:
			switch {
			case !ok:
				tasks = nil
			case e.New != nil:
				d.tell(*e.New)
			default:
				d.tell(*e.Old)
			}
		case e, ok := <-instances:
			if !ok {
				instances = nil
				continue
			}
			d.instanceChanged(e)
		}
	}
}

// tell has a task's session look at it.
func (d *Dispatcher) tell(row store.Row[ecs.Task]) {
	if s := d.sessions.get(instanceKey{row.Scope, row.Value.Instance}); s != nil {
		s.mail.put(row.ID)
	}
}

// confirm has the instance's session record itself again when the record names another: one that it has replaced.
func (d *Dispatcher) confirm(key instanceKey) {
	s := d.sessions.get(key)
	row, ok := d.Tables.Instances.Get(key.scope, key.instance)
	if s == nil || !ok || !s.recorded.Load() || row.Value.Session != nil && row.Value.Session.ID == s.id {
		return
	}
	select {
	case s.overwritten <- struct{}{}:
	default:
	}
}

func (d *Dispatcher) instanceChanged(e store.Event[ecs.Instance]) {
	if e.New != nil && e.New.Value.Status != inactive {
		d.confirm(instanceKey{e.New.Scope, e.New.ID})
		return
	}
	row := e.New
	if row == nil {
		row = e.Old
	}
	key := instanceKey{row.Scope, row.ID}
	if s := d.sessions.get(key); s != nil && !s.leaving {
		s.end(errInactive)
	}
	if t := d.telemetry.get(key); t != nil {
		t.end(errInactive)
	}
	d.pace.forget(key)
}
