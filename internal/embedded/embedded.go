// Package embedded carries the programs that berth ships inside itself: the shim, the hello image's program and Docker's pause.
// `make build` compiles them into files/ first. The engines and the image store call it.
package embedded

import (
	"embed"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

//go:embed files
var files embed.FS

// Shim returns the berth-shim executable.
func Shim() ([]byte, error) { return program("berth-shim") }

// Hello returns the executable of the built-in image berth/hello.
func Hello() ([]byte, error) { return program("hello") }

// Pause returns the berth-pause executable for Linux on an architecture, as Go names it: Docker's machine may have another
// than this one.
func Pause(architecture string) ([]byte, error) { return program("berth-pause-" + architecture) }

func program(name string) ([]byte, error) {
	packed, err := files.ReadFile("files/" + name + ".zst")
	if err != nil {
		return nil, fmt.Errorf("this berth was built without its %s program; build it with `make build`", name)
	}
	dec, err := zstd.NewReader(nil)
	if err != nil {
		return nil, fmt.Errorf("unpack the embedded %s: %w", name, err)
	}
	defer dec.Close()
	program, err := dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack the embedded %s: %w", name, err)
	}
	return program, nil
}
