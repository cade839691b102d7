// Package docker is a person's Docker as Berth uses it: the images of the daemon on this machine, and the registry logins
// of ~/.docker/config.json. The image store (internal/agent/image) takes both from the person who started `berth dev`,
// the verbs of cmd/berth from the one who types them.
//
// Nothing of it is required: where there is no daemon and no file, that is what is answered.
package docker

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// Person is whose Docker it is.
type Person struct {
	UID, GID uint32
	Groups   []uint32 // all, GID among them
	Name     string
	Home     string
	// Lookup reads the person's environment; os.Getenv when nil.
	Lookup func(name string) string
}

// Starter returns the person behind this process: the one who called sudo, or else the user that it runs as.
func Starter() Person {
	p := Person{UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), Home: os.Getenv("HOME")}
	if id, err := strconv.ParseUint(os.Getenv("SUDO_UID"), 10, 32); err == nil && p.UID == 0 && id != 0 {
		p.UID, p.Home = uint32(id), ""
		if id, err := strconv.ParseUint(os.Getenv("SUDO_GID"), 10, 32); err == nil {
			p.GID = uint32(id)
		}
	}
	account, err := user.LookupId(strconv.FormatUint(uint64(p.UID), 10))
	if err == nil {
		p.Name = account.Username
		if p.Home == "" {
			p.Home = account.HomeDir
		}
		p.Groups = groups(account)
	}
	if len(p.Groups) == 0 {
		p.Groups = []uint32{p.GID}
	}
	return p
}

func groups(account *user.User) (all []uint32) {
	ids, err := account.GroupIds()
	if err != nil {
		return nil
	}
	for _, text := range ids {
		if id, err := strconv.ParseUint(text, 10, 32); err == nil {
			all = append(all, uint32(id))
		}
	}
	return all
}

func (p Person) env(name string) string {
	if p.Lookup != nil {
		return p.Lookup(name)
	}
	return os.Getenv(name)
}

// dir is where the docker command keeps the person's settings; empty when the person has no home.
func (p Person) dir() string {
	if dir := p.env("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	if p.Home == "" {
		return ""
	}
	return filepath.Join(p.Home, ".docker")
}

// runtimeDir is where the sockets of the person's own daemons are.
func (p Person) runtimeDir() string {
	if dir := p.env("XDG_RUNTIME_DIR"); dir != "" && p.UID == uint32(os.Getuid()) {
		return dir
	}
	return filepath.Join("/run/user", strconv.FormatUint(uint64(p.UID), 10))
}
