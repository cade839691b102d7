package instance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
)

// ErrStarting is returned by Announced while the program has not announced itself.
var ErrStarting = errors.New("berth is still starting")

// Announcement is what the running program tells the others on this machine; it lies in the data directory as dev.json.
type Announcement struct {
	PID      int    `json:"pid"`
	Endpoint string `json:"endpoint"`
	Region   string `json:"region"`
	Account  string `json:"account"`
	Engine   string `json:"engine,omitzero"` // what runs containers, for people: "native", "docker 28.5.2 at unix:///var/run/docker.sock"
	Fast     bool   `json:"fast,omitzero"`   // services are deployed faster than by AWS
}

// Announce writes the announcement.
func (in *Instance) Announce(a Announcement) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return WriteFile(in.Path("dev.json"), append(data, '\n'), 0o644)
}

// Withdraw removes the announcement: of a predecessor that did not get to it, or at the end.
func (in *Instance) Withdraw() error {
	if err := os.Remove(in.Path("dev.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Announced reads the announcement, which a program that was killed has left too. ErrStarting when there is none.
func (in *Instance) Announced() (Announcement, error) {
	var a Announcement
	data, err := os.ReadFile(in.Path("dev.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("%w on %s", ErrStarting, in.Dir)
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("%s is damaged: start Berth again: %w", in.Path("dev.json"), err)
	}
	return a, nil
}

// DefaultDir is the data directory of the Berth with that name, the nameless one's for "": root's, or this user's own.
func DefaultDir(name string) string {
	if os.Getuid() != 0 {
		if home, err := os.UserHomeDir(); err == nil {
			return named(filepath.Join(home, ".local", "share"), name)
		}
	}
	return SystemDir(name)
}

// SystemDir is the data directory of root's Berth with that name.
func SystemDir(name string) string { return named("/var/lib", name) }

func named(parent, name string) string {
	if name == "" {
		return filepath.Join(parent, "berth")
	}
	return filepath.Join(parent, "berth-"+name)
}
