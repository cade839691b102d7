package native

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
)

// localDriver is the driver of volumes that are directories, or what its options have mounted.
const localDriver = "local"

// checkOptions checks the local driver's options, in Docker's words.
func checkOptions(options map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		switch name {
		case "type", "device", "o":
		case "size":
			return fmt.Errorf("option %q: the size of a volume is not limited by Berth", name)
		default:
			return fmt.Errorf("invalid option: %q", name)
		}
	}
	if len(options) == 0 {
		return nil
	}
	for _, name := range []string{"type", "device"} {
		if options[name] == "" {
			return fmt.Errorf("missing required option: %q", name)
		}
	}
	return nil
}

// mountOf is what a volume's options have mounted; nil when it has none.
func mountOf(ctx context.Context, v engine.Volume) (*shim.Mount, error) {
	if len(v.Options) == 0 {
		return nil, nil
	}
	m := &shim.Mount{Type: v.Options["type"], Source: v.Options["device"]}
	if v.Options["o"] == "" {
		return m, nil
	}
	m.Options = strings.Split(v.Options["o"], ",")
	for i, o := range m.Options {
		// The kernel knows no names of hosts: mount(8) looks them up, and so does Docker.
		host, ok := strings.CutPrefix(o, "addr=")
		if !ok || !strings.HasPrefix(m.Type, "nfs") && m.Type != "cifs" {
			continue
		}
		if _, err := netip.ParseAddr(host); err == nil {
			continue
		}
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, fmt.Errorf("error resolving passed in network volume address: %w", err)
		}
		m.Options[i] = "addr=" + found[0].Unmap().String()
	}
	return m, nil
}
