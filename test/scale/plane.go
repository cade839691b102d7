package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"time"

	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/server"
	"github.com/berth-dev/berth/internal/store/etcd"
	"github.com/berth-dev/berth/internal/wire"
)

const (
	planeRole = "control-plane"
	region    = "us-east-1"
	account   = "000000000000"
	// settle is how long after its start a control plane has a placement wait for agents that are yet to come back.
	settle = 5 * time.Second
)

// servePlane is the control plane as `berth dev` assembles it, without a machine: its arguments are its data directory and
// the address to listen on. It writes its endpoint and that of its profiles once it answers, and ends with its input.
func servePlane(args []string) error {
	dir, address := args[0], args[1]
	server.TuneMemory()
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	keys, err := iam.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		return err
	}
	secrets, err := seal.OpenFile(filepath.Join(dir, "secrets-key"))
	if err != nil {
		return err
	}
	_, missing := os.Stat(filepath.Join(dir, "etcd"))
	db, err := etcd.Open(ctx, etcd.Config{Dir: filepath.Join(dir, "etcd"), Instance: "5ca1ab1e", Fresh: missing != nil, Logger: log})
	if err != nil {
		return err
	}
	logs, err := journal.OpenPebble(filepath.Join(dir, "logs"), log)
	if err != nil {
		return err
	}
	past, err := history.OpenPebble(filepath.Join(dir, "history"), log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	endpoint := "http://" + listener.Addr().String()
	s := server.New(server.Config{DB: db, Journal: logs, History: past, Keys: keys, SecretsKey: secrets, Account: account, Region: region, StrictCapacity: true, Settle: settle, HealthyAfter: healthyAfter,
		Endpoint: func() string { return endpoint }, Log: log})
	if err := s.Start(ctx); err != nil {
		return err
	}
	web := s.Wire.HTTP()
	web.ConnContext = iam.ConnContext
	go web.Serve(wire.Bound(listener, web, wire.MostConnections(), log))
	profiles, err := serveProfiles()
	if err != nil {
		return err
	}
	fmt.Println(endpoint, profiles)
	_, _ = io.Copy(io.Discard, os.Stdin)
	web.Close()
	s.Stop()
	if err := db.Close(); err != nil {
		return err
	}
	return errors.Join(past.Close(), logs.Close())
}

func serveProfiles() (endpoint string, err error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(l, mux)
	return "http://" + l.Addr().String(), nil
}
