package native

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"github.com/moby/profiles/apparmor"
)

// Where the kernel tells whether AppArmor confines anything, and forgets profiles.
const (
	appArmorEnabled = "/sys/module/apparmor/parameters/enabled"
	appArmorRemove  = "/sys/kernel/security/apparmor/.remove"
)

// appArmorProfile is the instance's own: Docker's default under another name, as profiles are the whole machine's.
func appArmorProfile(instance string) string { return "berth-" + instance }

// loadAppArmor loads the profile of containers that name none and returns its name. It is empty, as with Docker, where the
// kernel has no AppArmor or the program that compiles profiles is not installed.
func loadAppArmor(instance string) (string, error) {
	enabled, err := os.ReadFile(appArmorEnabled)
	if err != nil || !strings.HasPrefix(string(enabled), "Y") {
		return "", nil
	}
	if _, err := exec.LookPath("apparmor_parser"); err != nil {
		return "", nil
	}
	name := appArmorProfile(instance)
	if loaded, err := apparmor.IsLoaded(name); err == nil && loaded {
		return name, nil
	}
	if err := apparmor.InstallDefault(name); err != nil {
		return "", fmt.Errorf("load the AppArmor profile of containers: %w; without apparmor_parser in the path none is used", err)
	}
	return name, nil
}

// removeAppArmor has the kernel forget the profile.
func removeAppArmor(instance string) error {
	if loaded, err := apparmor.IsLoaded(appArmorProfile(instance)); err != nil || !loaded {
		return nil
	}
	if err := os.WriteFile(appArmorRemove, []byte(appArmorProfile(instance)), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the AppArmor profile of containers: %w", err)
	}
	return nil
}
