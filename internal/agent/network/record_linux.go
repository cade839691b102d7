package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// vpcRecord says what a VPC's router namespace holds. It is written before the kernel is asked for any of it.
type vpcRecord struct {
	VPC      string
	CIDR     netip.Prefix `json:",omitzero"`
	Link     string       // the link's name on the host
	Range    netip.Prefix // link range
	Resolver netip.Addr
	Subnets  []subnet
}

type subnet struct {
	CIDR    netip.Prefix
	Gateway netip.Addr
}

// taskRecord says what an attached task has. It is written once all of it stands.
type taskRecord struct {
	TaskNet
	HostAddress netip.Addr
}

// records is the directory of an instance's records, one file each.
type records string

func (r records) path(name string) string { return filepath.Join(string(r), name+".json") }

func (r records) write(name string, record any) error {
	data, err := json.Marshal(record, jsontext.Multiline(true))
	if err != nil {
		return fmt.Errorf("record %s: %w", name, err)
	}
	// The directory is in memory (/run): a rename is all it takes to be whole after the death of the process.
	fresh := r.path(name) + ".new"
	if err := os.WriteFile(fresh, data, 0o600); err != nil {
		return fmt.Errorf("record %s: %w", name, err)
	}
	return os.Rename(fresh, r.path(name))
}

func (r records) remove(name string) error {
	if err := os.Remove(r.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// load returns all records.
func (r records) load() (vpcs []vpcRecord, tasks []taskRecord, bridged []bridgedRecord, err error) {
	entries, err := os.ReadDir(string(r))
	if err != nil {
		return nil, nil, nil, err
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".json")
		if !ok {
			continue // .new: the process died while writing it
		}
		data, err := os.ReadFile(r.path(name))
		if err != nil {
			return nil, nil, nil, err
		}
		switch {
		case strings.HasPrefix(name, vpcPrefix):
			vpcs = append(vpcs, vpcRecord{})
			err = json.Unmarshal(data, &vpcs[len(vpcs)-1])
		case isBridged(name):
			bridged = append(bridged, bridgedRecord{})
			err = json.Unmarshal(data, &bridged[len(bridged)-1])
		default:
			tasks = append(tasks, taskRecord{})
			err = json.Unmarshal(data, &tasks[len(tasks)-1])
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("read network record %s: %w", r.path(name), err)
		}
	}
	return vpcs, tasks, bridged, nil
}
