package network

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// bridgedRecord says what a container's own network has. It is written once all of it stands.
type bridgedRecord struct {
	ContainerNet
	Is Bridged
}

// key names a container's namespace and record. Tasks' names have no dot.
func (c ContainerNet) key() string {
	return fmt.Sprintf("%s.%.8x", c.Task, sha256.Sum256([]byte(c.Container)))
}

// Bridge makes the container's own network and publishes its ports. Calling it again for a container that has one returns
// it; a call that was cut short leaves nothing that the next one, or New, does not remove.
func (n *Network) Bridge(ctx context.Context, c ContainerNet) (Bridged, error) {
	if err := c.validate(); err != nil {
		return Bridged{}, fmt.Errorf("bridge container %s: %w", c.Container, err)
	}
	key := c.key()
	n.mu.Lock()
	record, ok := n.bridged[key]
	n.mu.Unlock()
	if ok {
		if !reflect.DeepEqual(record.ContainerNet, c) {
			return Bridged{}, fmt.Errorf("bridge container %s of task %s: it has another network already", c.Container, c.Task)
		}
		return record.Is, nil
	}
	if err := ctx.Err(); err != nil {
		return Bridged{}, err
	}
	record, err := n.plug(key, c)
	if err != nil {
		return Bridged{}, fmt.Errorf("bridge container %s: %w", c.Container, errors.Join(err, n.unplug(key, record)))
	}
	n.mu.Lock()
	n.bridged[key] = record
	n.mu.Unlock()
	return record.Is, nil
}

// plug makes all that the container has; its record comes last. With an error comes what unplug has to undo.
func (n *Network) plug(key string, c ContainerNet) (record bridgedRecord, err error) {
	record.ContainerNet = c
	if c.Disabled {
		record.Is.NetNS = n.namespace(key)
		if err := createDisabled(record.Is.NetNS); err != nil {
			return record, err
		}
		return record, n.records.write(key, record)
	}
	r, err := n.bridge()
	if err != nil {
		return record, err
	}
	published, err := n.ports.take(key, c.Ports)
	if err != nil {
		return record, err
	}
	r.mu.Lock()
	addr, err := r.containers.take(key)
	r.mu.Unlock()
	if err != nil {
		return record, err
	}
	record.Is.Address = addr
	if record.Is, err = r.plug(n.namespace(key), addr); err != nil {
		return record, err
	}
	record.Is.Ports = published
	err = n.rules.publish(addr, published)
	if errors.Is(err, unix.ENOENT) { // somebody has flushed everybody's rules just now
		err = n.restoreRules()
	}
	if err != nil {
		return record, err
	}
	return record, n.records.write(key, record)
}

// unplug undoes plug, as far as it went, in the reverse order. Repeated, it goes on where it failed.
func (n *Network) unplug(key string, record bridgedRecord) error {
	if err := n.records.remove(key); err != nil {
		return err
	}
	if record.Is.Address.IsValid() {
		if err := n.rules.withdraw(record.Is.Address, record.Is.Ports); err != nil {
			return err
		}
	}
	if err := dropNamespace(n.namespace(key)); err != nil {
		return err
	}
	n.ports.give(key)
	n.mu.Lock()
	r := n.routers[bridgeID]
	n.mu.Unlock()
	if r != nil && record.Is.Address.IsValid() {
		r.mu.Lock()
		r.containers.give(record.Is.Address)
		r.mu.Unlock()
	}
	return nil
}

// Unbridge removes the networks of the task's containers. A task that has none is no error. Processes that are still in a
// namespace keep it, without an address that anything reaches.
func (n *Network) Unbridge(_ context.Context, task string) error {
	mine := map[string]bridgedRecord{}
	n.mu.Lock()
	for key, record := range n.bridged {
		if record.Task == task {
			mine[key] = record
		}
	}
	n.mu.Unlock()
	var errs []error
	for key, record := range mine {
		if err := n.unplug(key, record); err != nil {
			errs = append(errs, err)
			continue
		}
		n.mu.Lock()
		delete(n.bridged, key)
		n.mu.Unlock()
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove the networks of the containers of task %s: %w", task, err)
	}
	return nil
}

// BridgedTasks returns the ids of the tasks whose containers have networks of their own, in order.
func (n *Network) BridgedTasks() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	tasks := map[string]bool{}
	for _, record := range n.bridged {
		tasks[record.Task] = true
	}
	return slices.Sorted(maps.Keys(tasks))
}

// isBridged tells whether a name in the directories of records and namespaces is a container's.
func isBridged(name string) bool { return strings.Contains(name, ".") }
