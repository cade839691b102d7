package main

import (
	"errors"
	"fmt"

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
	keys     iam.Key
	client   *client.Client
	operator *operator.Client
}

// dir is the data directory that the flags choose.
func (g *globals) dir() string {
	if g.dataDir != "" {
		return g.dataDir
	}
	return instance.DefaultDir(g.name)
}

// connect finds the running instance.
func (g *globals) connect() (*target, error) {
	in, err := instance.Find(g.dir())
	if errors.Is(err, instance.ErrNone) || err == nil && !in.Running() {
		return nil, fmt.Errorf("no Berth runs on %s; `berth dev -d` starts one, --name or --data-dir choose another", g.dir())
	}
	if err != nil {
		return nil, err
	}
	return g.connectTo(in)
}

func (g *globals) connectTo(in *instance.Instance) (*target, error) {
	announced, err := in.Announced()
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
		flags: g, cluster: g.cluster, endpoint: announced.Endpoint, region: announced.Region, keys: keys,
		client: c, operator: operator.NewClient(c),
	}, nil
}

// isClusterMissing is whether the cluster has not been made yet.
func isClusterMissing(err error) bool { return hasCode(err, "ClusterNotFoundException") }

// isNotFound is whether a log group or stream has not been made yet.
func isNotFound(err error) bool { return hasCode(err, "ResourceNotFoundException") }

func hasCode(err error, code string) bool {
	var answered *client.Error
	return errors.As(err, &answered) && answered.Code == code
}
