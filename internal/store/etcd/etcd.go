package etcd

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/disk"
	"github.com/berth-dev/berth/internal/store"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
)

// Config says where the state is and how large it may become.
type Config struct {
	// Dir is etcd's directory. The caller holds the lock of the data directory around it.
	Dir string
	// Instance is the id of the installation. State that carries another one is refused.
	Instance string
	// Fresh says that this installation has never opened its state before: only then is an absent state made, and what an interrupted
	// first start left behind is replaced. Otherwise an absent state is an error.
	Fresh bool
	// Quota is the size on disk, in bytes, at which writes are refused. 0 means 8 GiB.
	Quota int64
	// History is how many revisions stay available to those who follow the state. 0 means 1,000.
	History int64
	// UpkeepEvery is how often the size is looked after. 0 means 30 s.
	UpkeepEvery time.Duration
	// Logger gets etcd's warnings, and what the upkeep does. Nil discards.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Quota == 0 {
		c.Quota = 8 << 30
	}
	if c.History == 0 {
		c.History = 1000
	}
	if c.UpkeepEvery == 0 {
		c.UpkeepEvery = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Open opens the state. Errors about it ([ErrMissing], [ErrDamaged], [ErrForeign]) say what to do.
// The caller declares its tables and starts the DB.
func Open(ctx context.Context, config Config) (*store.DB, error) {
	b, err := open(ctx, config.withDefaults())
	if err != nil {
		return nil, err
	}
	return store.New(b, store.Config{Logger: config.Logger}), nil
}

// backend is a store.Backend on an etcd server in this process.
type backend struct {
	config Config
	server *etcdserver.EtcdServer
	client *clientv3.Client
	kv     pb.KVServer // where transactions go: as the client's do, without the copies that it makes

	disk      *disk.Guard
	compacted atomic.Int64
	full      atomic.Bool
	tend      chan struct{} // holds one when the upkeep has something to do now
	ctx       context.Context
	cancel    context.CancelFunc
	upkeep    sync.WaitGroup
}

func open(ctx context.Context, config Config) (*backend, error) {
	if err := inspect(config); err != nil {
		return nil, err
	}
	server, err := serve(ctx, config)
	if err != nil {
		return nil, err
	}
	b := &backend{config: config, server: server, client: v3client.New(server), kv: v3rpc.NewQuotaKVServer(server), disk: disk.NewGuard(config.Dir, untouched), tend: make(chan struct{}, 1)}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	if err := b.identify(ctx); err != nil {
		b.Close()
		return nil, err
	}
	if err := b.readAlarm(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("ask for the state's alarms: %w", err)
	}
	b.upkeep.Go(b.keep)
	return b, nil
}

func (b *backend) Close() error {
	b.cancel()
	b.upkeep.Wait()
	err := b.client.Close()
	b.server.Stop()
	if err == context.Canceled {
		return nil
	}
	return err
}
