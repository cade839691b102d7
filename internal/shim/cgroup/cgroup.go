// Package cgroup makes, limits, empties and removes control groups by absolute path, on the unified hierarchy (v2) and
// on the older ones (v1, hybrid). Containers' own groups are libcontainer's; this package holds those above them, and
// buries what a killed shim leaves. The shim and the native engine use it.
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Tree is the machine's control group hierarchies.
type Tree struct {
	// mounts are the mount points by controller; on v2 there is one, under "".
	mounts map[string]string
}

// root is where hierarchies are mounted. Others may mount some elsewhere for ends of their own (VPN clients, Cilium).
const root = "/sys/fs/cgroup"

// Find reads which hierarchies are mounted.
func Find() (Tree, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Tree{}, err
	}
	defer f.Close()
	return find(f)
}

func find(mountinfo io.Reader) (Tree, error) {
	t := Tree{mounts: map[string]string{}}
	for lines := bufio.NewScanner(mountinfo); lines.Scan(); {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kind) < 3 {
			continue
		}
		point := fields[4]
		switch {
		case kind[0] == "cgroup2" && point == root: // v2 alone, whatever v1 hierarchy somebody has mounted beside it
			return Tree{mounts: map[string]string{"": point}}, nil
		case filepath.Dir(point) != root:
		case kind[0] == "cgroup2":
			t.mounts[""] = point
		case kind[0] == "cgroup":
			for option := range strings.SplitSeq(kind[2], ",") {
				if option != "rw" && option != "xattr" {
					t.mounts[option] = point
				}
			}
		}
	}
	if len(t.mounts) == 0 {
		return Tree{}, fmt.Errorf("no control groups are mounted on %s: containers need them", root)
	}
	return t, nil
}

// Unified says whether the tree is v2 alone.
func (t Tree) Unified() bool { return len(t.mounts) == 1 && t.mounts[""] != "" }

// points are the mount points, each once, in a fixed order.
func (t Tree) points() []string {
	var all []string
	for _, p := range t.mounts {
		all = append(all, p)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Group is a control group by its path in every hierarchy, such as "/berth/0a1b2c3d/shims".
type Group struct {
	tree Tree
	path string
}

// Group names a group; it need not exist.
func (t Tree) Group(path string) Group { return Group{t, filepath.Clean("/" + path)} }

// Dir returns the group's directory in the hierarchy of a v1 controller, or in the unified one. It is empty when the
// controller is not there.
func (g Group) Dir(controller string) string {
	point := g.tree.mounts[controller]
	if g.tree.Unified() {
		point = g.tree.mounts[""]
	}
	if point == "" {
		return ""
	}
	return filepath.Join(point, g.path)
}

// dirs are the group's directories, whether they exist or not.
func (g Group) dirs() []string {
	var all []string
	for _, p := range g.tree.points() {
		all = append(all, filepath.Join(p, g.path))
	}
	return all
}

// Create makes the group and those above it in every hierarchy. An existing group stays as it is.
func (g Group) Create() error {
	for _, point := range g.tree.points() {
		if err := g.createIn(point); err != nil {
			return fmt.Errorf("make control group: %w", err)
		}
	}
	return nil
}

// createIn makes the group in one hierarchy. What a group needs of the one above it may be missing in one that exists, too, for its
// maker may have died.
func (g Group) createIn(point string) error {
	unified, cpuset := point == g.tree.mounts[""], point == g.tree.mounts["cpuset"]
	if !unified && !cpuset {
		return os.MkdirAll(filepath.Join(point, g.path), 0o755)
	}
	dir := point
	for part := range strings.SplitSeq(strings.TrimPrefix(g.path, "/"), "/") {
		if unified {
			delegate(dir)
		}
		parent := dir
		dir = filepath.Join(dir, part)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if cpuset {
			if err := inheritCPUSet(parent, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// delegate turns on all controllers of a v2 group for those below, unless they are on. One that can't be turned on is missed only by a
// limit that needs it, which then fails with its name.
func delegate(dir string) {
	control := filepath.Join(dir, "cgroup.subtree_control")
	controllers, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	delegated, _ := os.ReadFile(control)
	on := strings.Fields(string(delegated))
	for c := range strings.FieldsSeq(string(controllers)) {
		if !slices.Contains(on, c) {
			os.WriteFile(control, []byte("+"+c), 0)
		}
	}
}

// inheritCPUSet fills the cpuset of a new v1 group, which is born empty and admits nobody.
func inheritCPUSet(parent, dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(own)) != "" {
			continue
		}
		above, err := os.ReadFile(filepath.Join(parent, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), above, 0); err != nil {
			return err
		}
	}
	return nil
}

// Join moves the calling process into the group.
func (g Group) Join() error { return g.Add(0) }

// Add moves a process into the group.
func (g Group) Add(pid int) error {
	for _, dir := range g.dirs() {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("join control group: %w", err)
		}
	}
	return nil
}
