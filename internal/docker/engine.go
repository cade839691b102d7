package docker

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/client"
)

// Connect returns a client of the daemon that is to run containers, and its address: the person's, wherever it is. Nothing
// is asked of it yet. ErrNoDaemon when none is to be found.
func (d *Daemon) Connect() (*client.Client, string, error) {
	host := ""
	if d.socket == "" {
		var err error
		if host, err = d.person.chosen(); err != nil {
			return nil, "", err
		}
	}
	options := []client.Opt{client.WithUserAgent("berth")}
	switch {
	case host == "" || strings.HasPrefix(host, unixScheme):
		var err error
		if host, err = d.address(); err != nil {
			return nil, "", err
		}
	case strings.HasPrefix(host, "ssh://"):
		return nil, "", fmt.Errorf("docker host %s: over ssh, forward the daemon's socket to this machine and name it by --docker SOCKET", host)
	case d.person.env("DOCKER_TLS_VERIFY") != "" || d.person.env("DOCKER_TLS") != "":
		dir := d.person.env("DOCKER_CERT_PATH")
		if dir == "" {
			dir = d.person.dir()
		}
		options = append(options, client.WithTLSClientConfig(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")))
	}
	made, err := client.New(append(options, client.WithHost(host))...)
	if err != nil {
		return nil, "", fmt.Errorf("docker host %s: %w", host, err)
	}
	return made, host, nil
}

// Usable says why the daemon can't be asked to run containers, if it can't: there is none, or it is not for this person.
func (d *Daemon) Usable() error {
	api, host, err := d.Connect()
	if err != nil {
		return err
	}
	defer api.Close()
	if path, ok := strings.CutPrefix(host, unixScheme); ok {
		conn, err := net.DialTimeout("unix", path, askTime)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	return nil
}

// sockets are the places where daemons of one person listen.
func (p Person) sockets() []string {
	places := []string{"/var/run/docker.sock", filepath.Join(p.runtimeDir(), "docker.sock")}
	if p.Home == "" {
		return places
	}
	for _, path := range []string{".docker/run/docker.sock", ".docker/desktop/docker.sock", ".colima/default/docker.sock", ".orbstack/run/docker.sock", ".rd/docker.sock"} {
		places = append(places, filepath.Join(p.Home, path))
	}
	return places
}

func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Type() == os.ModeSocket
}
