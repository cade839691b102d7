package network

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const ipForward = "/proc/sys/net/ipv4/ip_forward"

// forwarding is the host's ip_forward setting, which all instances on a machine need and the last to go puts back. What
// it was before the first is noted in a file that they share.
type forwarding struct {
	file     string // below the parent of the run directories
	instance string
}

func newForwarding(cfg Config) forwarding {
	return forwarding{file: filepath.Join(filepath.Dir(cfg.RunDir), "ip_forward.json"), instance: cfg.Instance}
}

// forwardingNote is what the file holds.
type forwardingNote struct {
	Before    string   // the setting before the first instance changed it
	Instances []string // those that need it on
}

// enable turns forwarding on and reports whether it was off.
func (f forwarding) enable() (changed bool, err error) {
	err = f.update(func(note *forwardingNote) error {
		now, err := os.ReadFile(ipForward)
		if err != nil {
			return err
		}
		if len(note.Instances) == 0 {
			note.Before = strings.TrimSpace(string(now))
		}
		if !slices.Contains(note.Instances, f.instance) {
			note.Instances = append(note.Instances, f.instance)
		}
		if changed = strings.TrimSpace(string(now)) == "0"; changed {
			return os.WriteFile(ipForward, []byte("1"), 0)
		}
		return nil
	})
	if err != nil {
		return changed, fmt.Errorf("turn ip_forward on: %w", err)
	}
	return changed, nil
}

// release says that this instance needs forwarding no longer. The last instance turns it off again if it was off, unless
// there is a bridge on the host: whoever made that (Docker, libvirt) may have found forwarding on and rely on it.
func (f forwarding) release(bridged bool) error {
	err := f.update(func(note *forwardingNote) error {
		users := len(note.Instances)
		note.Instances = slices.DeleteFunc(note.Instances, func(id string) bool { return id == f.instance })
		if users == 1 && len(note.Instances) == 0 && note.Before == "0" && !bridged {
			return os.WriteFile(ipForward, []byte("0"), 0)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the shared directory is not there: nothing was ever turned on
	}
	if err != nil {
		return fmt.Errorf("put ip_forward back: %w", err)
	}
	return nil
}

// update changes the note while no other instance does.
func (f forwarding) update(change func(*forwardingNote) error) error {
	file, err := os.OpenFile(f.file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	var note forwardingNote
	data, err := os.ReadFile(f.file)
	if err != nil {
		return err
	}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &note); err != nil {
			return fmt.Errorf("read %s: %w", f.file, err)
		}
	}
	if err := change(&note); err != nil {
		return err
	}
	changed, err := json.Marshal(note)
	if err != nil || bytes.Equal(changed, data) {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt(changed, 0)
	return err
}

// hasBridge reports whether the host has a bridge.
func hasBridge(host handle) (bool, error) {
	links, err := host.LinkList()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(links, func(link netlink.Link) bool { return link.Type() == "bridge" }), nil
}
