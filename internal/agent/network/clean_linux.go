package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Clean removes everything that the instance's network has made on this machine, however it ended, and nothing of another
// instance. No Network of the instance may be open. It goes on past errors and returns all of them.
func Clean(_ context.Context, config Config) error {
	cfg, err := config.withDefaults()
	if err != nil {
		return fmt.Errorf("clean network: %w", err)
	}
	host, err := newHandle()
	if err != nil {
		return fmt.Errorf("clean network: %w", err)
	}
	defer host.Close()
	errs := []error{removeLinks(host, linkPrefix(cfg.Instance)+"*"), removeNamespaces(filepath.Join(cfg.RunDir, "netns"))}
	bridged, err := hasBridge(host)
	errs = append(errs, err, newFirewall(cfg).close(), removeHostRules(cfg.Instance), newForwarding(cfg).release(bridged))
	// The records go last: with them, a Clean that failed half way can be repeated, and so can New.
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("clean network of instance %s: %w", cfg.Instance, err)
	}
	return os.RemoveAll(filepath.Join(cfg.RunDir, "network"))
}

// removeLinks deletes the host's ends of links to VPCs, by the name or by what stands before a *. The other ends go with them.
func removeLinks(host handle, name string) error {
	links, err := host.LinkList()
	errs := []error{err}
	prefix, many := strings.CutSuffix(name, "*")
	for _, link := range links {
		if this := link.Attrs().Name; this == name || many && strings.HasPrefix(this, prefix) {
			errs = append(errs, host.LinkDel(link))
		}
	}
	return errors.Join(errs...)
}

// removeNamespaces drops all namespaces mounted in the directory, and the directory.
func removeNamespaces(dir string) error {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	defer mounts.Close()
	paths := map[string]bool{}
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		// 36 35 98:0 /root /mount/point options ...
		if fields := strings.Fields(lines.Text()); len(fields) > 4 && filepath.Dir(fields[4]) == dir {
			paths[fields[4]] = true
		}
	}
	entries, _ := os.ReadDir(dir) // a directory that is not there has no entries
	for _, entry := range entries {
		paths[filepath.Join(dir, entry.Name())] = true
	}
	var errs []error
	for path := range paths {
		errs = append(errs, dropNamespace(path))
	}
	return errors.Join(append(errs, os.RemoveAll(dir))...)
}
