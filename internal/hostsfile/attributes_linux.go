package hostsfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// maxAttributes is what the kernel allows the names, and each value, of a file's extended attributes.
const maxAttributes = 64 << 10

// copyAttributes gives a file the extended attributes of another.
func copyAttributes(file *os.File, like string) error {
	names, value := make([]byte, maxAttributes), make([]byte, maxAttributes)
	n, err := unix.Listxattr(like, names)
	if errors.Is(err, unix.ENOTSUP) || n == 0 && err == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the attributes of %s: %w", like, err)
	}
	for name := range bytes.SplitSeq(bytes.TrimSuffix(names[:n], []byte{0}), []byte{0}) {
		n, err := unix.Getxattr(like, string(name), value)
		if err == nil {
			err = unix.Fsetxattr(int(file.Fd()), string(name), value[:n], 0)
		}
		if err != nil {
			return fmt.Errorf("attribute %s of %s: %w", name, like, err)
		}
	}
	return nil
}
