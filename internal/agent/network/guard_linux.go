package network

import (
	"context"
	"errors"
	"time"
)

// guardPeriod is how often the host is looked at: a reload of ufw or a restart of dockerd flushes what was put there.
const guardPeriod = 5 * time.Second

// restoreRules puts the instance's own rules back where somebody has flushed everybody's.
func (n *Network) restoreRules() error {
	missing, err := n.rules.missing()
	if err != nil || !missing {
		return err
	}
	n.cfg.Log.Warn("somebody has flushed the host's nftables rules: putting those of this instance back")
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rules.replace(n.hostFacts())
}

// guard opens the way through the host now and keeps it open until Close.
func (n *Network) guard() {
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	forwarding := newForwarding(n.cfg)
	var last string
	look := func() {
		changed, err := forwarding.enable()
		if changed {
			n.cfg.Log.Info("turned net.ipv4.ip_forward on: tasks cannot reach the Internet without it. `berth clean` turns it off again")
		}
		err = errors.Join(err, n.firewall.open())
		if err != nil && err.Error() != last {
			n.cfg.Log.Warn("tasks may not reach the Internet", "error", err)
		}
		if last = ""; err != nil {
			last = err.Error()
		}
	}
	look()
	n.guarded.Go(func() {
		tick := time.NewTicker(guardPeriod)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := n.restoreRules(); err != nil {
					n.cfg.Log.Warn("the rules that lead to tasks may be gone", "error", err)
				}
				look()
			}
		}
	})
}
