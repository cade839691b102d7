package native

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/native/spec"
	"github.com/berth-dev/berth/internal/shim"
)

// RuntimeID names a container of a task to the outside, as Docker's container id does.
func RuntimeID(task, container string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(task+"/"+container)))
}

// CreateContainer prepares the container's file system and specification and has the shim take them.
func (e *Engine) CreateContainer(ctx context.Context, id string, c engine.ContainerSpec) error {
	if err := e.createContainer(ctx, id, c); err != nil {
		return &engine.Error{Kind: engine.CannotCreateContainer, Err: err}
	}
	return nil
}

func (e *Engine) createContainer(ctx context.Context, id string, c engine.ContainerSpec) error {
	t := e.task(id)
	if t == nil {
		return fmt.Errorf("task %s: %w", id, engine.ErrNotFound)
	}
	if t.has(c.Name) {
		return nil
	}
	if c.Name == "" || filepath.Base(c.Name) != c.Name {
		return fmt.Errorf("%q can't be a container's name", c.Name)
	}
	var shared engine.TaskSpec
	if err := readJSON(filepath.Join(t.dir, specFile), &shared); err != nil {
		return err
	}
	rootfs, err := e.config.Images.Prepare(ctx, id, c.Name, c.Image, c.Platform)
	if err != nil {
		return err
	}
	if err := checkEmulator(binfmtDir, rootfs.Platform); err != nil {
		return err
	}
	dir := shim.ContainerDir(t.dir, c.Name)
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	host, volumes, err := e.takeMounts(ctx, t, c, rootfs.Config)
	if err != nil {
		return err
	}
	if c.ResolvConf != "" { // whoever wrote the container's own files has heeded these
		host.DNS, host.DNSSearch, host.DNSOptions = nil, nil, nil
	}
	if c.Hosts != "" {
		host.ExtraHosts = nil
	}
	hostname := filepath.Join(dir, "hostname")
	noNetwork := c.NetNS == "" && (c.Config.NetworkDisabled || c.Host.NetworkMode.IsNone() && !shared.NoNetwork)
	translated, err := spec.New(spec.Request{
		RuntimeID: RuntimeID(id, c.Name), Config: c.Config, Host: host, Image: rootfs.Config,
		Hostname: shared.Hostname, OwnNetwork: c.NetNS != "" || shared.NetNS != "" || shared.NoNetwork || noNetwork,
		PIDMode: shared.PIDMode, IPCMode: shared.IPCMode, Shm: shm(t.dir, shared.IPCMode),
		ResolvConf: cmp.Or(c.ResolvConf, shared.ResolvConf), Hosts: cmp.Or(c.Hosts, shared.Hosts), HostnameFile: hostname, Machine: e.machine,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(hostname, []byte(translated.Hostname+"\n"), 0o644); err != nil {
		return err
	}
	request := &shim.Container{
		Name: c.Name, RuntimeID: RuntimeID(id, c.Name), ImageDigest: rootfs.Digest, Rootfs: rootfs.Mounts, NetNS: c.NetNS, Volumes: volumes,
		Spec: translated.Spec, User: translated.User, Groups: translated.Groups, Init: translated.Init, StopSignal: translated.StopSignal,
		Restarts: c.Restarts, Stdin: translated.Stdin, NoNetwork: noNetwork,
		Log: shim.LogDir{Path: c.Log.Dir, MaxBytes: c.Log.MaxBytes, NonBlocking: c.Log.NonBlocking},
	}
	return t.call(ctx, func(conn *shim.Conn) error { return conn.Create(ctx, request) })
}

// shm is what containers have at /dev/shm that don't have one of their own.
func shm(dir string, mode engine.NamespaceMode) string {
	switch mode {
	case engine.HostNamespace:
		return "/dev/shm"
	case engine.TaskNamespace:
		return filepath.Join(dir, shim.ShmDir)
	}
	return ""
}

func (t *task) has(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.state.Containers {
		if c.Name == name {
			return true
		}
	}
	return false
}

// StartContainer starts the container's process.
func (e *Engine) StartContainer(ctx context.Context, id, name string) error {
	if err := e.callShim(ctx, id, func(conn *shim.Conn) error { return conn.Start(ctx, name) }); err != nil {
		return &engine.Error{Kind: engine.CannotStartContainer, Err: err}
	}
	return nil
}

// RestartContainer starts the container's process again.
func (e *Engine) RestartContainer(ctx context.Context, id, name string, run int) error {
	if err := e.callShim(ctx, id, func(conn *shim.Conn) error { return conn.Restart(ctx, name, run) }); err != nil {
		return &engine.Error{Kind: engine.CannotStartContainer, Err: err}
	}
	return nil
}

// Dial has the shim open the socket.
func (e *Engine) Dial(ctx context.Context, id, name, address string) (conn net.Conn, err error) {
	err = e.callShim(ctx, id, func(c *shim.Conn) (err error) {
		conn, err = c.Dial(ctx, name, address)
		return err
	})
	return conn, err
}

// StopContainer stops the container; one whose shim died is stopped already.
func (e *Engine) StopContainer(ctx context.Context, id, name string, grace time.Duration) error {
	err := e.callShim(ctx, id, func(conn *shim.Conn) error { return conn.Stop(ctx, name, grace) })
	switch {
	case err == nil || errors.Is(err, errShimDied):
		return nil
	case errors.Is(err, engine.ErrNotFound) || ctx.Err() != nil:
		return err
	}
	return &engine.Error{Kind: engine.CannotStopContainer, Err: err}
}

// callShim calls a task's shim and gives what is not there its name in package engine.
func (e *Engine) callShim(ctx context.Context, id string, talk func(*shim.Conn) error) error {
	t := e.task(id)
	if t == nil {
		return fmt.Errorf("task %s: %w", id, engine.ErrNotFound)
	}
	return notFound(t.call(ctx, talk))
}

// notFound gives a shim's refusal to know a container its name in package engine.
func notFound(err error) error {
	if refusal, ok := errors.AsType[*shim.Error](err); ok && refusal.Code == shim.NotFound {
		return fmt.Errorf("%w: %w", err, engine.ErrNotFound)
	}
	return err
}
