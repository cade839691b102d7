package native

import (
	"strings"
	"testing"

	"github.com/moby/sys/capability"
)

func TestAUserNamespaceIsNotTheMachine(t *testing.T) {
	for name, test := range map[string]struct {
		uids string
		want bool
	}{
		"the machine":            {"         0          0 4294967295\n", true},
		"one id":                 {"         0       1000          1\n", false},
		"docker's userns-remap":  {"         0     100000      65536\n", false},
		"rootless, two ranges":   {"         0       1000          1\n         1     100000      65536\n", false},
		"a namespace not mapped": {"", false},
	} {
		if have := whole(strings.NewReader(test.uids)); have != test.want {
			t.Errorf("%s: %v", name, have)
		}
	}
}

func TestMissingRightsAreNamed(t *testing.T) {
	if err := lacking(func(capability.Cap) bool { return true }); err != nil {
		t.Error(err)
	}
	err := lacking(func(c capability.Cap) bool { return c != capability.CAP_SYS_ADMIN && c != capability.CAP_MKNOD })
	if err == nil || !strings.Contains(err.Error(), "(CAP_MKNOD, CAP_SYS_ADMIN)") || !strings.Contains(err.Error(), "--privileged") {
		t.Error(err)
	}
}
