package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/agent"
	"github.com/berth-dev/berth/internal/agent/task"
	"github.com/berth-dev/berth/internal/disk"
	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/node"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/progress"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/server"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/store/etcd"
	"github.com/berth-dev/berth/internal/unsupported"
	"github.com/berth-dev/berth/internal/wire"
	"github.com/berth-dev/berth/internal/wire/client"
)

// machine is `berth dev`: a control plane and an agent that offers this machine to it. It is the operator's Backend.
type machine struct {
	in       *instance.Instance
	o        devOptions
	log      *slog.Logger
	endpoint string
	listener net.Listener
	progress *progress.Writer // of its end, for people
	disk     *disk.Guard      // of the data directory

	db      *store.DB
	journal *journal.Pebble
	history *history.Pebble
	server  *server.Server
	http    *http.Server
	engine  *pulls
	// engineText says what runs containers.
	engineText string
	network    task.Network
	ground     balancer.Ground
	balancing  *node.Node
	closers    []func() error // in reverse order of opening

	resetting sync.Mutex // one reset at a time
	ending    bool       // none begins any more; guarded by resetting
	down      chan bool  // asked to end; whether tasks are kept
	broken    chan error // the agent can't go on

	mu    sync.Mutex // guards what follows
	agent *agentLife // replaced by a reset
}

// settle is how long a task that is run right after a start waits for this machine's agent to join.
const settle = 5 * time.Second

// identities are what the machine offers: a container instance of the cluster default, an external one beside it, and a part
// of the Fargate pool.
var identities = []agent.Identity{{Name: "ec2"}, {Name: "external", External: true}, {Name: "fargate", Fargate: true}}

// newMachine opens what lies in the data directory. Nothing runs yet.
func newMachine(ctx context.Context, in *instance.Instance, o devOptions, listener net.Listener, log *slog.Logger) (*machine, error) {
	server.TuneMemory()
	keys, err := iam.OpenKeys(in.Path("keys"))
	if err != nil {
		return nil, err
	}
	if o.secretsKey == "" {
		o.secretsKey = in.Path("secrets-key")
	}
	secretsKey, err := seal.OpenFile(o.secretsKey)
	if err != nil {
		return nil, err
	}
	m := &machine{in: in, o: o, log: log, listener: listener, endpoint: "http://" + listener.Addr().String(),
		disk: disk.NewGuard(in.Dir, disk.Reserve),
		down: make(chan bool, 1), broken: make(chan error, 1)}
	var opening sync.WaitGroup // the parts are independent of each other, and the first answer is to come soon
	var engineErr error
	opening.Go(func() { engineErr = m.openEngine(ctx) })
	stateErr := m.openState(ctx)
	opening.Wait()
	if err := errors.Join(stateErr, engineErr); err != nil {
		return nil, errors.Join(err, m.close())
	}
	if err := m.openBalancing(); err != nil {
		return nil, errors.Join(err, m.close())
	}
	asked, err := unsupported.Open(in.Path("unsupported.json"), time.Now())
	if err != nil {
		log.Warn("the record of what is not done begins anew", "error", err)
	}
	m.server = server.New(server.Config{
		DB: m.db, Journal: m.journal, History: m.history, Keys: keys, SecretsKey: secretsKey, GiveUpSecrets: o.giveUpSecrets, Account: o.account, Region: o.region, TestUsers: iam.Starter(),
		StrictCapacity: o.strict, Lambda: o.forward.to["lambda"], Settle: settle, Expected: len(identities), Endpoint: func() string { return m.endpoint }, Operator: m, Balancing: m.balancing, AccessLogs: o.accessLogs != "", HealthyAfter: o.healthyAfter(), DrainIdle: o.fast, Room: m.disk.Room, Unsupported: asked, Log: log,
	})
	return m, nil
}

// openState opens the store, the journal of log events and the history of stopped tasks.
func (m *machine) openState(ctx context.Context) (err error) {
	m.db, err = etcd.Open(ctx, etcd.Config{Dir: m.in.Path("etcd"), Instance: m.in.ID, Fresh: !m.in.Began("etcd"), Logger: m.log})
	if err != nil {
		return err
	}
	m.closeLater(m.db.Close)
	m.journal, err = journal.OpenPebble(m.in.Path("logs"), m.log)
	if err != nil {
		return err
	}
	m.closeLater(m.journal.Close)
	m.history, err = history.OpenPebble(m.in.Path("history"), m.log)
	if err != nil {
		return err
	}
	m.closeLater(m.history.Close)
	return nil
}

func (m *machine) closeLater(c func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closers = append(m.closers, c)
}

// close closes what was opened, last first.
func (m *machine) close() (err error) {
	for i := len(m.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, m.closers[i]())
	}
	m.closers = nil
	return err
}

// announcement is what the other verbs are told.
func (m *machine) announcement() instance.Announcement {
	return instance.Announcement{PID: os.Getpid(), Endpoint: m.endpoint, Region: m.o.region, Account: m.o.account, Engine: m.engineText, Fast: m.o.fast}
}

// run serves until ctx ends or the operator asks for the end, then ends the tasks, unless they are to be kept. It calls
// ready once the machine has joined.
func (m *machine) run(ctx context.Context, ready func()) (err error) {
	defer func() { err = errors.Join(err, m.close()) }()
	if err := m.server.Start(ctx); err != nil {
		return err
	}
	served := m.serve() // not before: to a question about state that is not loaded every answer is wrong
	defer m.stopServing()
	defer m.server.Stop()
	if err := errors.Join(m.in.Begin("etcd"), m.startAgent()); err != nil {
		return err
	}
	defer m.stopAgent()
	if err := m.in.Announce(m.announcement()); err != nil {
		return err
	}
	defer m.in.Withdraw()
	starting, started := context.WithCancel(ctx)
	var telling sync.WaitGroup
	telling.Go(func() {
		if m.joined(starting) == nil {
			ready()
		}
	})
	keep := m.o.keepTasks
	var broken error
	select {
	case <-ctx.Done():
	case asked := <-m.down:
		keep = keep || asked
	case broken = <-served:
		keep = true
	case broken = <-m.broken:
		keep = true
	}
	started()
	telling.Wait()
	m.resetting.Lock() // one that is under way starts the agent that is to be stopped
	m.ending = true
	m.resetting.Unlock()
	if !keep {
		m.endTasks(ctx)
	}
	return broken
}

// serve answers requests; what it returns gets why it no longer does.
func (m *machine) serve() (ended <-chan error) {
	m.http = m.server.Wire.HTTP()
	m.http.ConnContext = iam.ConnContext
	listener := wire.Bound(m.listener, m.http, wire.MostConnections(), m.log)
	served := make(chan error, 1)
	go func() { served <- m.http.Serve(listener) }()
	return served
}

// stopServing lets the requests under way end. A client that does not finish does not hold the end up.
func (m *machine) stopServing() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if m.http.Shutdown(ctx) != nil {
		m.http.Close()
	}
}

// agentLife is one run of the agent.
type agentLife struct {
	*agent.Agent
	cancel context.CancelFunc
	ended  chan struct{}
}

// startAgent starts the agent with a key of its own. It is not cut short: without its agent the machine is of no use.
func (m *machine) startAgent() error {
	key, err := m.server.IAM.IssueAgent(context.Background(), m.in.ID)
	if err != nil {
		return fmt.Errorf("issue the agent's key: %w", err)
	}
	credentials := client.Static(key.ID, key.Secret, "")
	_, port, err := net.SplitHostPort(m.listener.Addr().String())
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.Background())
	life := &agentLife{cancel: cancel, ended: make(chan struct{}), Agent: agent.New(agent.Config{
		Dir: m.in.Path("agent"), Machine: m.in.ID, Endpoint: m.endpoint, Region: m.o.region, Credentials: credentials,
		Engine: m.engine, Network: m.network,
		Pull: m.o.images.pull.policy, EFS: m.o.efs.systems,
		Identities: identities, ReservedPorts: []int{atoi(port)}, Version: version, Hash: version, Log: m.log,
	})}
	go func() {
		defer close(life.ended)
		if err := life.Run(running); running.Err() == nil {
			m.broken <- fmt.Errorf("the agent ended: %w", err)
		}
	}()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.agent = life
	return nil
}

// stopAgent ends the agent; tasks go on.
func (m *machine) stopAgent() *agentLife {
	m.mu.Lock()
	life := m.agent
	m.mu.Unlock()
	life.cancel()
	<-life.ended
	return life
}
