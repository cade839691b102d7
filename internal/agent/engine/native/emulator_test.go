package native

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// foreign is an architecture that this machine hasn't, and how binfmt_misc shows its emulator.
func foreign() (arch, entry string) {
	const text = "enabled\ninterpreter /usr/bin/qemu\nflags: OCF\noffset 0\nmagic 7f454c460201010000000000000000000200MACHINE00\nmask ffffffffffffff00fffffffffffffffffeffffff\n"
	if runtime.GOARCH == "arm64" {
		return "amd64", strings.Replace(text, "MACHINE", "3e", 1)
	}
	return "arm64", strings.Replace(text, "MACHINE", "b7", 1)
}

func TestEmulators(t *testing.T) {
	arch, entry := foreign()
	for name, c := range map[string]struct {
		entries map[string]string
		want    string
	}{
		"nothing there":     {nil, "nothing is mounted on"},
		"none":              {map[string]string{"status": "enabled", "register": ""}, "no emulator for it is registered"},
		"one":               {map[string]string{"status": "enabled", "qemu": entry}, ""},
		"one of another":    {map[string]string{"python": "enabled\ninterpreter /usr/bin/python\nflags: F\noffset 0\nmagic 16260d0a\n"}, "no emulator"},
		"not in containers": {map[string]string{"qemu": strings.Replace(entry, "OCF", "OC", 1)}, "without the flag F"},
		"one is off":        {map[string]string{"qemu": strings.Replace(entry, "enabled", "disabled", 1)}, "no emulator"},
		"all are off":       {map[string]string{"status": "disabled", "qemu": entry}, "says disabled"},
		"nonsense":          {map[string]string{"a": "enabled\nflags: F\noffset x\nmagic zz", "b": "enabled\nflags: F\noffset 99999\nmagic 7f", "c": ""}, "no emulator"},
	} {
		dir := t.TempDir()
		for file, text := range c.entries {
			must(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
		}
		err := checkEmulator(dir, ocispec.Platform{OS: "linux", Architecture: arch})
		if err == nil && c.want != "" || err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := checkEmulator("/nowhere", ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}); err != nil {
		t.Errorf("the machine's own: %v", err)
	}
}

func FuzzBinfmt(f *testing.F) {
	_, entry := foreign()
	f.Add(entry)
	f.Fuzz(func(t *testing.T, text string) { readBinfmt(text).takes(programHead(183)) })
}
