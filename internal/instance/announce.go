package instance

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
)

// Announcement is what the running program tells the others on this machine; it lies in the data directory as dev.json.
type Announcement struct {
	PID      int    `json:"pid"`
	Endpoint string `json:"endpoint"`
	Region   string `json:"region"`
	Account  string `json:"account"`
}

// Announce writes the announcement.
func (in *Instance) Announce(a Announcement) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return WriteFile(in.Path("dev.json"), append(data, '\n'), 0o644)
}

// Announced reads the last announcement, which a program that no longer runs may have left.
func (in *Instance) Announced() (Announcement, error) {
	var a Announcement
	data, err := os.ReadFile(in.Path("dev.json"))
	if err != nil {
		return a, fmt.Errorf("no Berth has finished its start on %s", in.Dir)
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("%s is damaged: start Berth again: %w", in.Path("dev.json"), err)
	}
	return a, nil
}

// DefaultDir is the data directory of the Berth with that name; the nameless one's for "".
func DefaultDir(name string) string {
	parent := "/var/lib"
	if os.Getuid() != 0 {
		if home, err := os.UserHomeDir(); err == nil {
			parent = filepath.Join(home, ".local", "share")
		}
	}
	if name == "" {
		return filepath.Join(parent, "berth")
	}
	return filepath.Join(parent, "berth-"+name)
}
