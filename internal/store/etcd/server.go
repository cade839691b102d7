package etcd

import (
	"context"
	"fmt"
	"net/url"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/config"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/features"
	"go.uber.org/zap"
)

// member is the name of the only member. Its address is one that nothing can listen on or dial.
const member = "berth"

var nowhere = types.MustNewURLs([]string{(&url.URL{Scheme: "unix", Host: "berth:0"}).String()})

// readyWithin bounds an open: etcd waits for ever for what a damaged log doesn't say.
const readyWithin = 30 * time.Second

// serverConfig differs from etcd's defaults where one member in one process can do better; see the numbers in bench_test.go.
func serverConfig(c Config, logger *zap.Logger) config.ServerConfig {
	return config.ServerConfig{
		Name:                member,
		DataDir:             c.Dir,
		ClientURLs:          nowhere,
		PeerURLs:            nowhere,
		InitialPeerURLsMap:  types.URLsMap{member: nowhere},
		InitialClusterToken: "berth-" + c.Instance,
		NewCluster:          true,
		// A single member elects itself after one or two ticks: it skips the others of its first election timeout. A shorter tick opens
		// sooner and keeps an idle processor busier (10 ms: 29 ms to open, 1.8 % of a core; 100 ms: 160 ms, 0.6 %).
		TickMs:                     25,
		ElectionTicks:              2,
		InitialElectionTickAdvance: true,
		PreVote:                    true,
		// The raft log is kept in memory down to the last snapshot.
		SnapshotCount:          snapshotCount,
		SnapshotCatchUpEntries: snapshotCount / 10,
		MaxSnapFiles:           2,
		MaxWALFiles:            0, // the upkeep deletes them, sooner than etcd would
		QuotaBackendBytes:      c.Quota,
		MaxTxnOps:              maxTxnOps,
		MaxRequestBytes:        maxRequestBytes,
		BackendFreelistType:    "hashmap",
		StrictReconfigCheck:    true,
		BcryptCost:             4,
		TokenTTL:               300,
		WarningApplyDuration:   500 * time.Millisecond,
		// A request waits for the disk; that is told by the apply above.
		WarningUnaryRequestDuration: 5 * time.Second,
		CompactHashCheckTime:        time.Minute,
		DowngradeCheckTime:          5 * time.Second,
		MaxLearners:                 1,
		V2Deprecation:               config.V2DeprDefault,
		ServerFeatureGate:           features.NewDefaultServerFeatureGate(member, logger),
		Metrics:                     "basic",
		Logger:                      logger,
	}
}

const (
	snapshotCount   = 500
	maxTxnOps       = 16 << 10
	maxRequestBytes = 8 << 20
)

// serve starts the server and waits until it has applied its log and leads.
func serve(ctx context.Context, c Config) (*etcdserver.EtcdServer, error) {
	server, err := newServer(c)
	if err != nil {
		return nil, err
	}
	server.Start()
	limit := time.NewTimer(readyWithin)
	defer limit.Stop()
	select {
	case <-server.ReadyNotify():
		return server, nil
	case <-server.StopNotify():
		err = damaged(c.Dir, fmt.Errorf("etcd stopped while it opened"))
	case <-limit.C:
		err = damaged(c.Dir, fmt.Errorf("etcd was not ready after %v", readyWithin))
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	server.Stop()
	return nil, err
}

// newServer turns etcd's way to refuse its files, which is to panic or to end the process, into an error.
func newServer(c Config) (server *etcdserver.EtcdServer, err error) {
	var said atomic.Pointer[string]
	err = readable(c.Dir, func() (err error) {
		server, err = etcdserver.NewServer(serverConfig(c, quiet(c.Logger, &said)))
		return err
	})
	if err != nil && said.Load() != nil {
		err = fmt.Errorf("%w (%s)", err, *said.Load())
	}
	return server, err
}

// readable turns every failure to read etcd's files into ErrDamaged, panics and faults of the mapped database included.
func readable(dir string, read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if failure := recover(); failure != nil {
			err = damaged(dir, fmt.Errorf("%v", failure))
		}
	}()
	if err := read(); err != nil {
		return damaged(dir, err)
	}
	return nil
}
