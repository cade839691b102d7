package task

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// FileSystem is what stands on this machine for a file system of EFS: a directory, or an export of an NFS server.
type FileSystem struct {
	Directory string   // absolute
	NFS       *url.URL // nfs://HOST[:PORT]/EXPORT[?OPTION=VALUE&...]
}

// ParseFileSystem reads a directory or the URL of an NFS export. The options of the URL's query go over those by which EFS
// has its file systems mounted.
func ParseFileSystem(s string) (FileSystem, error) {
	if filepath.IsAbs(s) {
		return FileSystem{Directory: filepath.Clean(s)}, nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "nfs" || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return FileSystem{}, fmt.Errorf("%q is neither an absolute path nor nfs://HOST/EXPORT", s)
	}
	for name, values := range u.Query() {
		if strings.ContainsAny(name+strings.Join(values, ""), ",\x00") {
			return FileSystem{}, fmt.Errorf("%q has an option with a comma in it, which none of mount's can have", s)
		}
	}
	return FileSystem{NFS: u}, nil
}

// encrypted says that nothing of the file system crosses a network in plain.
func (f FileSystem) encrypted() bool {
	security := ""
	if f.NFS != nil {
		security = f.NFS.Query().Get("xprtsec")
	}
	return f.Directory != "" || security == "tls" || security == "mtls"
}

// efsOptions are those that AWS recommends, but for a bound: a server that is gone fails what waits for it in the end.
var efsOptions = [][2]string{{"vers", "4.1"}, {"rsize", "1048576"}, {"wsize", "1048576"}, {"timeo", "600"}, {"retrans", "2"}, {"noresvport", ""}}

// options are those of Docker's local driver by which a volume is the file system's directory root.
func (f FileSystem) options(root string) map[string]string {
	if f.NFS == nil {
		return map[string]string{"type": "none", "o": "bind", "device": f.Directory}
	}
	query := f.NFS.Query()
	list := []string{"addr=" + f.NFS.Hostname()}
	if port := f.NFS.Port(); port != "" {
		list = append(list, "port="+port)
	}
	for _, o := range efsOptions {
		if !query.Has(o[0]) {
			query.Set(o[0], o[1])
		}
	}
	for pair := range strings.SplitSeq(query.Encode(), "&") { // in the order of their names
		name, _, _ := strings.Cut(pair, "=")
		if value := query.Get(name); value != "" {
			name += "=" + value
		}
		list = append(list, name)
	}
	return map[string]string{"type": "nfs4", "o": strings.Join(list, ","), "device": ":" + path.Join("/", f.NFS.Path, root)}
}

// reachable says whether a directory of the file system can be mounted, as far as that shows without mounting it.
func (f FileSystem) reachable(ctx context.Context, root string) error {
	if f.NFS == nil {
		return f.hasDirectory(root)
	}
	port := f.NFS.Port()
	if port == "" {
		port = "2049"
	}
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(f.NFS.Hostname(), port))
	if err != nil {
		return err
	}
	return conn.Close()
}

func (f FileSystem) hasDirectory(root string) error {
	dir, err := os.OpenRoot(f.Directory)
	if err != nil {
		return err
	}
	defer dir.Close()
	if root = strings.TrimPrefix(path.Clean("/"+root), "/"); root == "" {
		return nil
	}
	info, err := dir.Stat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("mounting failed, %s has no directory /%s", f.Directory, root)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("mounting failed, /%s of %s is not a directory", root, f.Directory)
	}
	return nil
}
