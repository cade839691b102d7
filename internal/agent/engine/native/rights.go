package native

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/moby/sys/capability"
)

// needed is what of root's rights the engine and its network use themselves; containers get theirs from these.
var needed = []capability.Cap{
	capability.CAP_CHOWN, capability.CAP_DAC_OVERRIDE, capability.CAP_FOWNER, capability.CAP_KILL, capability.CAP_MKNOD, capability.CAP_NET_ADMIN,
	capability.CAP_SETGID, capability.CAP_SETPCAP, capability.CAP_SETUID, capability.CAP_SYS_ADMIN, capability.CAP_SYS_CHROOT, capability.CAP_SYS_PTRACE,
}

// checkRights says why this process can't run containers though it is root's, and what to do about it: a sandbox or a
// container may leave root only some of its rights, and a user namespace only the looks of it.
func checkRights() error {
	uids, err := os.Open("/proc/self/uid_map")
	if err != nil {
		return err
	}
	defer uids.Close()
	if !whole(uids) {
		return errors.New("it is root in a user namespace only, and nobody outside: start Berth outside of it with sudo, or in a container with `docker run --privileged --userns=host`")
	}
	own, err := capability.NewPid2(0)
	if err != nil {
		return err
	}
	if err := own.Load(); err != nil {
		return fmt.Errorf("read the capabilities of this process: %w", err)
	}
	return lacking(func(c capability.Cap) bool { return own.Get(capability.EFFECTIVE, c) })
}

func lacking(have func(capability.Cap) bool) error {
	var missing []string
	for _, c := range needed {
		if !have(c) {
			missing = append(missing, "CAP_"+strings.ToUpper(c.String()))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("it is root without some of root's rights (%s): start Berth outside of the sandbox or container that takes them away, or give them by `docker run --privileged`",
		strings.Join(missing, ", "))
}

// whole tells whether a map of user ids, as the kernel shows it, is that of the machine itself: every id stands for itself.
func whole(uids io.Reader) bool {
	lines := bufio.NewScanner(uids)
	var inside, outside, count int64
	if !lines.Scan() {
		return false
	}
	n, err := fmt.Sscan(lines.Text(), &inside, &outside, &count)
	return err == nil && n == 3 && inside == 0 && outside == 0 && count == math.MaxUint32
}
