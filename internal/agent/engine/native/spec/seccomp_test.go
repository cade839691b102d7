package spec

import (
	"slices"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestTheDefaultFilterLeavesOutX32AndNothingElse(t *testing.T) {
	filter := filterOf(t, container.HostConfig{})
	if slices.Contains(filter.Architectures, specs.ArchX32) || filter.DefaultAction != specs.ActErrno {
		t.Errorf("filter for %v with default %v", filter.Architectures, filter.DefaultAction)
	}
	if slices.Contains(filter.Architectures, specs.ArchX86_64) && !slices.Contains(filter.Architectures, specs.ArchX86) {
		t.Errorf("filter for %v lets no 32-bit program run", filter.Architectures)
	}
}

func TestAFilterAskedForIsTakenAsItIs(t *testing.T) {
	const asked = `{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X32"]}`
	filter := filterOf(t, container.HostConfig{SecurityOpt: []string{"seccomp=" + asked}})
	if want := []specs.Arch{specs.ArchX86_64, specs.ArchX32}; !slices.Equal(filter.Architectures, want) {
		t.Errorf("filter for %v, want %v", filter.Architectures, want)
	}
}

func filterOf(t *testing.T, host container.HostConfig) *specs.LinuxSeccomp {
	t.Helper()
	made, err := New(Request{RuntimeID: "0123456789abcdef", Config: container.Config{Cmd: []string{"/app"}}, Host: host, Machine: Machine{Seccomp: true}})
	if err != nil {
		t.Fatal(err)
	}
	return made.Spec.Linux.Seccomp
}
