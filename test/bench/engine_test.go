package bench

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-dev/berth/test/berthtest"
)

// engine is the native engine's own benchmark, compiled: it measures bare libcontainer, and a shim without all the rest
// of Berth around it.
type engine struct{ program, dir string }

func newEngine(b *testing.B) engine {
	b.Helper()
	root := berthtest.Root(b)
	e := engine{filepath.Join(b.TempDir(), "native.test"), filepath.Join(root, "internal/agent/engine/native")}
	build := exec.Command("go", "test", "-c", "-o", e.program, "./internal/agent/engine/native")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build the engine's benchmark: %v\n%s", err, out)
	}
	return e
}

// start measures starts one after the other.
func (e engine) start(b *testing.B) map[string]float64 { return e.run(b, "BenchmarkStart", "20x") }

// fifty measures the start of 50 tasks at once.
func (e engine) fifty(b *testing.B) map[string]float64 { return e.run(b, "BenchmarkFifty", "1x") }

// run runs one benchmark and returns what it measured, by unit.
func (e engine) run(b *testing.B, name, times string) map[string]float64 {
	b.Helper()
	cmd := exec.Command(e.program, "-test.run", "^$", "-test.bench", "^"+name+"$", "-test.benchtime", times)
	cmd.Dir = e.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
	metrics := map[string]float64{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], name) {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 { // name, times, then pairs of value and unit
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				b.Fatalf("%s printed %q", name, line)
			}
			metrics[fields[i+1]] = value
		}
	}
	if len(metrics) == 0 {
		b.Fatalf("%s printed no measurement:\n%s", name, out)
	}
	return metrics
}
