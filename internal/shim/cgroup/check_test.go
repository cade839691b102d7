package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckSaysWhatIsMissing(t *testing.T) {
	unified := func(controllers string) Tree {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "cgroup.controllers"), []byte(controllers), 0o600); err != nil {
			t.Fatal(err)
		}
		return Tree{mounts: map[string]string{"": dir}}
	}
	mounted := func(controllers ...string) Tree {
		tree := Tree{mounts: map[string]string{"": t.TempDir()}}
		for _, c := range controllers {
			tree.mounts[c] = tree.mounts[""]
		}
		return tree
	}
	for name, test := range map[string]struct {
		tree Tree
		want string
	}{
		"v2 with all":        {unified("cpuset cpu io memory hugetlb pids"), ""},
		"v2 without memory":  {unified("cpuset cpu io pids"), "(memory): start the kernel with cgroup_enable=memory"},
		"v2 with none":       {unified(""), "(cpu, memory, pids)"},
		"v1 with all":        {mounted("cpu", "cpuacct", "devices", "freezer", "memory", "pids"), ""},
		"v1 without devices": {mounted("cpu", "freezer", "memory"), "(devices, pids): mount them"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.tree.Check()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
