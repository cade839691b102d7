package hostsfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// replace puts another text in the file's place, so that nobody ever reads half of it, nor finds half of it after a crash. Where
// the name cannot be another file's, as where one is mounted on it, the text is written into the file.
func (f File) replace(text []byte) error {
	path, err := filepath.EvalSymlinks(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		path, err = f.Path, nil
	}
	if err != nil {
		return err
	}
	err = writeNew(f.next(path), path, text)
	if err == nil {
		err = os.Rename(f.next(path), path)
	}
	if err == nil {
		return nil
	}
	if left := f.forget(); left != nil {
		return errors.Join(err, left)
	}
	if err := writeInto(path, text); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// next is the file that is to take the place of path.
func (f File) next(path string) string {
	return filepath.Join(filepath.Dir(path), ".hosts.berth-"+f.Instance)
}

// forget removes what a process that was killed has left of its replacing.
func (f File) forget() error {
	path, err := filepath.EvalSymlinks(f.Path)
	if err != nil {
		return ignore(err, fs.ErrNotExist)
	}
	return ignore(os.Remove(f.next(path)), fs.ErrNotExist)
}

// writeNew writes a file that has the mode, owner and attributes, such as a label of SELinux, of another.
func writeNew(path, like string, text []byte) (err error) {
	if err := ignore(os.Remove(path), fs.ErrNotExist); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(text); err != nil {
		return err
	}
	switch has, err := os.Stat(like); {
	case errors.Is(err, fs.ErrNotExist):
		err = file.Chmod(0o644)
		if err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		owner := has.Sys().(*syscall.Stat_t)
		if err := errors.Join(file.Chown(int(owner.Uid), int(owner.Gid)), file.Chmod(has.Mode().Perm()), copyAttributes(file, like)); err != nil {
			return err
		}
	}
	return file.Sync()
}

// writeInto writes a file anew. At no time is it shorter than both texts.
func writeInto(path string, text []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.WriteAt(text, 0); err != nil {
		return err
	}
	return errors.Join(file.Truncate(int64(len(text))), file.Sync())
}
