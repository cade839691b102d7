package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/wire/client"
)

// target is the running Berth that a verb talks to.
type target struct {
	flags    *globals
	cluster  string
	endpoint string
	region   string
	fast     bool // it deploys services faster than AWS
	keys     iam.Key
	client   *client.Client
	operator *operator.Client
}

// errNotOurs is in what find returns for another user's Berth.
var errNotOurs = errors.New("is not yours")

// find looks at the data directory that the flags choose. Whoever may not read it is told whose it is.
func (g *globals) find() (*instance.Instance, error) {
	in, err := instance.Find(g.dir())
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the Berth on %s %w but %s's, and so are its keys: try `%s`", g.dir(), errNotOurs, ownerOf(g.dir()), again())
	case errors.Is(err, instance.ErrNone) && g.dataDir == "" && os.Getuid() != 0:
		if dir := instance.SystemDir(g.name); isDir(dir) {
			return nil, fmt.Errorf("no Berth of yours runs on %s, and the one on %s is root's: try `%s`", g.dir(), dir, again())
		}
	}
	return in, err
}

// connect finds the running instance.
func (g *globals) connect() (*target, error) {
	in, err := g.find()
	if errors.Is(err, instance.ErrNone) || err == nil && !in.Running() {
		return nil, g.notRunning()
	}
	if err != nil {
		return nil, err
	}
	return g.connectTo(in)
}

func (g *globals) notRunning() error {
	return fmt.Errorf("no Berth runs on %s; `%s` starts one, --name or --data-dir choose another", g.dir(), g.line("dev", "-d"))
}

func (g *globals) connectTo(in *instance.Instance) (*target, error) {
	announced, err := in.Announced()
	if errors.Is(err, instance.ErrStarting) {
		return nil, fmt.Errorf("%w; `%s` waits for it", err, g.line("wait", "ready"))
	}
	if err != nil {
		return nil, err
	}
	master, err := iam.ReadKeys(in.Path("keys"))
	if err != nil {
		return nil, err
	}
	keys := master.Dev()
	c := client.New(announced.Endpoint, client.Static(keys.ID, keys.Secret, ""), announced.Region)
	return &target{
		flags: g, cluster: g.cluster, endpoint: announced.Endpoint, region: announced.Region, fast: announced.Fast, keys: keys,
		client: c, operator: operator.NewClient(c),
	}, nil
}

// ownerOf names the user whose file it is; "another user" when that can't be seen.
func ownerOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "another user"
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "another user"
	}
	id := strconv.Itoa(int(stat.Uid))
	if owner, err := user.LookupId(id); err == nil {
		return owner.Username
	}
	return "user " + id
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// errNoCluster is in what clusterError returns for a cluster that is missing.
var errNoCluster = errors.New("there is no cluster")

// clusterError says which cluster is missing.
func (t *target) clusterError(err error) error {
	if hasCode(err, "ClusterNotFoundException") {
		return fmt.Errorf("%w %s in %s; `aws ecs list-clusters` lists them", errNoCluster, t.cluster, t.region)
	}
	return err
}

// isNotFound is whether a log group or stream has not been made yet.
func isNotFound(err error) bool { return hasCode(err, "ResourceNotFoundException") }

func hasCode(err error, code string) bool {
	var answered *client.Error
	return errors.As(err, &answered) && answered.Code == code
}
