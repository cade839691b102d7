package network

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Network is the task networking of one instance on this machine. Its methods may be called at the same time for
// different tasks; for one task they are called by one goroutine at a time.
type Network struct {
	cfg       Config
	host      handle
	records   records
	upstreams *upstreams
	firewall  *firewall
	rules     *hostRules
	ports     *ports

	mu      sync.Mutex // guards what follows and the making of routers
	routers map[string]*router
	tasks   map[string]taskRecord
	bridged map[string]bridgedRecord
	// balancers are the addresses of load balancers, and names the link addresses behind their names.
	balancers map[balancerAddress]standing
	names     map[balancerName][]netip.Addr

	balancing sync.Mutex // one Stand or Leave at a time

	stop    context.CancelFunc
	guarded sync.WaitGroup
}

// New takes over what an earlier process of the instance has left, attached tasks included, and removes what it did not
// finish. It needs root.
func New(config Config) (*Network, error) {
	cfg, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("network: namespaces for tasks can be made by root only")
	}
	n := &Network{cfg: cfg, records: records(filepath.Join(cfg.RunDir, "network")), upstreams: &upstreams{path: cfg.ResolvConf},
		firewall: newFirewall(cfg), ports: newPorts(), routers: map[string]*router{}, tasks: map[string]taskRecord{},
		bridged: map[string]bridgedRecord{}, balancers: map[balancerAddress]standing{}, names: map[balancerName][]netip.Addr{}, stop: func() {}}
	n.ports.yield = cfg.Yield
	for _, dir := range []string{string(n.records), n.namespaces()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("network: %w", err)
		}
	}
	if n.host, err = newHandle(); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if n.rules, err = newHostRules(cfg.Instance); err != nil {
		n.host.Close()
		return nil, fmt.Errorf("network: %w", err)
	}
	if err := n.adopt(); err != nil {
		return nil, errors.Join(fmt.Errorf("take over the network of instance %s: %w", cfg.Instance, err), n.Close())
	}
	return n, nil
}

func (n *Network) namespaces() string { return filepath.Join(n.cfg.RunDir, "netns") }

func (n *Network) namespace(name string) string { return filepath.Join(n.namespaces(), name) }

// Attach makes the task's namespace with its leg in the subnet. Calling it again for an attached task returns what it
// has; a call that was cut short leaves nothing that the next one, or New, does not remove.
func (n *Network) Attach(ctx context.Context, t TaskNet) (Attached, error) {
	if err := t.Validate(); err != nil {
		return Attached{}, fmt.Errorf("attach task %s: %w", t.Task, err)
	}
	n.mu.Lock()
	record, ok := n.tasks[t.Task]
	n.mu.Unlock()
	if ok {
		if record.TaskNet != t {
			return Attached{}, fmt.Errorf("attach task %s: it has address %s in %s already", t.Task, record.Address, record.VPC)
		}
		return Attached{NetNS: n.namespace(t.Task), HostAddress: record.HostAddress}, nil
	}
	if err := ctx.Err(); err != nil {
		return Attached{}, err
	}
	attached, err := n.attach(t)
	if err != nil {
		return Attached{}, fmt.Errorf("attach task %s: %w", t.Task, err)
	}
	return attached, nil
}

func (n *Network) attach(t TaskNet) (Attached, error) {
	r, err := n.router(t)
	if err != nil {
		return Attached{}, err
	}
	bridge, link, err := r.reserve(t, n.saveVPC)
	if err != nil {
		return Attached{}, err
	}
	record := taskRecord{TaskNet: t, HostAddress: link}
	if err := n.build(r, record, bridge); err != nil {
		return Attached{}, errors.Join(err, n.dismantle(record))
	}
	n.mu.Lock()
	n.tasks[t.Task] = record
	n.mu.Unlock()
	return Attached{NetNS: n.namespace(t.Task), HostAddress: link}, nil
}

// build makes all that an attached task has; its record comes last.
func (n *Network) build(r *router, t taskRecord, bridge int) error {
	if err := r.attach(n.namespace(t.Task), t.TaskNet, bridge); err != nil {
		return err
	}
	if err := r.rules.add(t.HostAddress, t.Address); err != nil {
		return err
	}
	r.dns.add(t.DNSName, t.Address)
	return n.records.write(t.Task, t)
}

// dismantle undoes build, as far as it went, in the reverse order, and what was reserved for it.
func (n *Network) dismantle(t taskRecord) error {
	if err := n.records.remove(t.Task); err != nil {
		return err
	}
	n.mu.Lock()
	r := n.routers[t.VPC]
	n.mu.Unlock()
	if r == nil {
		return dropNamespace(n.namespace(t.Task))
	}
	r.dns.remove(t.DNSName, t.Address)
	if err := errors.Join(r.rules.remove(t.HostAddress, t.Address), dropNamespace(n.namespace(t.Task))); err != nil {
		return err // its addresses stay its own until the next try
	}
	r.release(t.TaskNet, t.HostAddress)
	return nil
}

// Detach removes the task's network. Detaching an unknown task succeeds. Processes that are still in the namespace keep
// it, without an address that anything reaches.
func (n *Network) Detach(_ context.Context, task string) error {
	if !namePattern.MatchString(task) {
		return nil // Attach has not taken it either
	}
	n.mu.Lock()
	record, ok := n.tasks[task]
	n.mu.Unlock()
	if !ok {
		return dropNamespace(n.namespace(task))
	}
	if err := n.dismantle(record); err != nil {
		return fmt.Errorf("detach task %s: %w", task, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.tasks, task)
	return nil
}

// List returns the attached tasks, ordered by their ids.
func (n *Network) List() []TaskNet {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []TaskNet
	for _, task := range slices.Sorted(maps.Keys(n.tasks)) {
		list = append(list, n.tasks[task].TaskNet)
	}
	return list
}

// Close ends what runs in this process: the resolvers, the watch over the host. Tasks keep their network.
func (n *Network) Close() error {
	n.stop()
	n.guarded.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, r := range n.routers {
		errs = append(errs, r.close())
	}
	clear(n.routers)
	n.ports.close()
	errs = append(errs, n.rules.close())
	n.host.Close()
	return errors.Join(errs...)
}
