package hostsfile

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAFileThatIsMountedIsWrittenInItsPlace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	under, f := file(t, "aaaa0001", "below\n"), file(t, "aaaa0001", "127.0.0.1 localhost\n")
	if err := unix.Mount(under.Path, f.Path, "", unix.MS_BIND, ""); err != nil {
		t.Skip("nothing can be mounted here: ", err)
	}
	defer unix.Unmount(f.Path, unix.MNT_DETACH)
	set(t, f, "a.test")
	if text, err := os.ReadFile(under.Path); err != nil || !strings.Contains(string(text), "a.test") {
		t.Errorf("what is mounted is %q, %v", text, err)
	}
	if got := set(t, f); got != "below\n" {
		t.Errorf("in the end it is %q", got)
	}
}
