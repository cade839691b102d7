package docker

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/opencontainers/go-digest"
)

// settings are the members of config.json that Berth reads.
type settings struct {
	Auths          map[string]storedLogin `json:"auths"`
	CredsStore     string                 `json:"credsStore"`
	CredHelpers    map[string]string      `json:"credHelpers"`
	CurrentContext string                 `json:"currentContext"`
}

// storedLogin is a login that lies in the file itself.
type storedLogin struct {
	Auth          string `json:"auth"` // base64 of user:password
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
}

// maxSettings bounds what is read of a file.
const maxSettings = 4 << 20

// settings reads the person's config.json; there are none where there is no file.
func (p Person) settings() (settings, error) {
	var s settings
	dir := p.dir()
	if dir == "" {
		return s, nil
	}
	path := filepath.Join(dir, "config.json")
	err := readJSON(path, &s)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return settings{}, nil
	case err != nil:
		return settings{}, fmt.Errorf("read the docker command's settings: %w", err)
	}
	return s, nil
}

// readJSON decodes a file as the docker command does. Its error quotes nothing of the file.
func readJSON(path string, v any) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // whatever lies there does not hold us up
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", path)
	case info.Size() > maxSettings:
		return fmt.Errorf("%s is larger than %d MiB", path, maxSettings>>20)
	}
	if err := json.UnmarshalRead(io.LimitReader(f, maxSettings), v, jsontext.AllowDuplicateNames(true)); err != nil {
		return fmt.Errorf("%s is not the JSON that the docker command writes", path)
	}
	return nil
}

// login is what the file itself holds.
func (l storedLogin) login() (Login, error) {
	found := Login{Username: l.Username, Password: l.Password, IdentityToken: l.IdentityToken}
	if l.Auth == "" {
		return found, nil
	}
	plain, err := base64.StdEncoding.DecodeString(l.Auth)
	name, password, ok := strings.Cut(string(plain), ":")
	if err != nil || !ok {
		return Login{}, errors.New("its auth is not the base64 of USER:PASSWORD")
	}
	found.Username, found.Password = name, strings.TrimRight(password, "\x00")
	return found, nil
}

// context returns the address of a context's daemon.
func (p Person) context(name string) (string, error) {
	var meta struct {
		Endpoints struct {
			Docker struct{ Host string } `json:"docker"`
		}
	}
	path := filepath.Join(p.dir(), "contexts", "meta", digest.FromString(name).Encoded(), "meta.json")
	if err := readJSON(path, &meta); err != nil {
		return "", fmt.Errorf("docker context %q: %w", name, err)
	}
	return meta.Endpoints.Docker.Host, nil
}
