package docker

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestConnect(t *testing.T) {
	home := t.TempDir()
	socket := filepath.Join(home, ".colima", "default", "docker.sock")
	person := func(variables map[string]string) Person {
		return Person{UID: 12345, Home: home, Lookup: func(name string) string { return variables[name] }}
	}
	if _, _, err := NewDaemon(person(nil), "").Connect(); err != nil && !errors.Is(err, ErrNoDaemon) {
		t.Errorf("without a daemon: %v", err)
	}
	serve(t, socket, "1.44")
	for name, c := range map[string]struct {
		host, socket, want, refused string
	}{
		"a socket that is named":    {socket: socket, host: "tcp://192.0.2.1:2375", want: "unix://" + socket},
		"a daemon anywhere":         {host: "tcp://192.0.2.1:2375", want: "tcp://192.0.2.1:2375"},
		"a socket that is chosen":   {host: "unix://" + socket, want: "unix://" + socket},
		"ssh, which needs a tunnel": {host: "ssh://somebody@192.0.2.1", refused: "forward the daemon's socket"},
	} {
		api, host, err := NewDaemon(person(map[string]string{"DOCKER_HOST": c.host}), c.socket).Connect()
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || host != c.want {
			t.Errorf("%s: %s, %v", name, host, err)
			continue
		}
		api.Close()
	}
	if err := NewDaemon(person(nil), socket).Usable(); err != nil {
		t.Errorf("a daemon that answers: %v", err)
	}
	if err := NewDaemon(person(nil), socket+".gone").Usable(); err == nil {
		t.Error("a socket that is not there is usable")
	}
}
