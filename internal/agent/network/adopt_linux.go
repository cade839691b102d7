package network

import (
	"fmt"
	"os"
)

// adopt makes the network as the records say.
func (n *Network) adopt() error {
	vpcs, tasks, bridged, err := n.records.load()
	if err != nil {
		return err
	}
	if err := n.adoptBridged(bridged); err != nil {
		return err
	}
	byVPC := map[string][]taskRecord{}
	for _, t := range tasks {
		if !isNamespace(n.namespace(t.Task)) {
			n.cfg.Log.Warn("a task's network namespace is gone", "task", t.Task)
			continue
		}
		n.tasks[t.Task] = t
		byVPC[t.VPC] = append(byVPC[t.VPC], t)
	}
	if err := n.removeDebris(tasks); err != nil {
		return err
	}
	for _, record := range vpcs {
		occupied := len(byVPC[record.VPC]) > 0
		if record.isBridge() {
			if occupied = len(n.bridged) > 0; !occupied { // it is made again by the next container, on a range that is free then
				if err := n.forgetVPC(record); err != nil {
					return err
				}
				continue
			}
		}
		if record, err = n.recheckRange(record, occupied); err != nil {
			return err
		}
		if err := n.openVPC(record, byVPC[record.VPC]); err != nil {
			return err
		}
	}
	return nil
}

// removeDebris removes what the records don't tell of and records of what is gone.
func (n *Network) removeDebris(recorded []taskRecord) error {
	for _, t := range recorded {
		if _, ok := n.tasks[t.Task]; !ok {
			if err := n.records.remove(t.Task); err != nil {
				return err
			}
		}
	}
	entries, err := os.ReadDir(n.namespaces())
	if err != nil {
		return err
	}
	for _, entry := range entries {
		_, isTask := n.tasks[entry.Name()]
		_, isContainer := n.bridged[entry.Name()]
		_, err := os.Stat(n.records.path(entry.Name()))
		if !isTask && !isContainer && err != nil {
			if err := dropNamespace(n.namespace(entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// adoptBridged takes over the containers that have their own networks. The records of those whose namespace is gone go too.
func (n *Network) adoptBridged(recorded []bridgedRecord) error {
	for _, b := range recorded {
		key := b.key()
		if !isNamespace(b.Is.NetNS) {
			n.cfg.Log.Warn("a container's network namespace is gone", "task", b.Task, "container", b.Container)
			if err := n.records.remove(key); err != nil {
				return err
			}
			continue
		}
		n.bridged[key] = b
		n.rules.adopt(b.Is.Address, b.Is.Ports)
		for _, taken := range n.ports.adopt(key, b.Is.Ports) {
			n.cfg.Log.Warn("a published port is also another program's, whose connections go to the container", "port", taken.Port,
				"protocol", taken.Protocol, "task", b.Task, "container", b.Container, "error", taken.Err)
		}
	}
	return nil
}

// recheckRange gives a VPC another link range when the host has come to use the old one. With tasks that are reached by
// the old one it stays, and the log says so.
func (n *Network) recheckRange(record vpcRecord, occupied bool) (vpcRecord, error) {
	use, err := rangesInUse(n.host, record.Link)
	if err != nil {
		return record, err
	}
	if rangeIsFree(record.Range, use) {
		return record, nil
	}
	if occupied {
		n.cfg.Log.Warn("a route of the host overlaps the link range of a VPC that has tasks: the host may not reach them. Stop them and restart Berth to get another range",
			"vpc", record.VPC, "range", record.Range)
		return record, nil
	}
	if near, err := n.host.LinkByName(record.Link); err == nil {
		if err := n.host.LinkDel(near); err != nil {
			return record, fmt.Errorf("remove link %s: %w", record.Link, err)
		}
	}
	record.Range, err = n.freeRange(record, use)
	if err != nil {
		return record, err
	}
	return record, n.saveVPC(record)
}
