// Command programs builds the programs that the engines' tests run, into a directory that BERTH_TEST_PROGRAMS names to the
// tests: for a machine that can't build them itself. test/vm calls it.
package main

import (
	"fmt"
	"os"

	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: programs DIR")
		os.Exit(2)
	}
	if err := build(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "programs:", err)
		os.Exit(1)
	}
}

func build(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, program := range []func(string) (string, error){enginetest.BuildProbe, enginetest.BuildShim} {
		if _, err := program(dir); err != nil {
			return err
		}
	}
	return nil
}
