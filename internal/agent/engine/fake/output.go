package fake

import (
	"strings"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// output is a container's spool. nil is that of a container whose output is dropped.
type output struct{ spool *spool.Writer }

func openOutput(l engine.LogSpec) (*output, error) {
	if l.Dir == "" {
		return nil, nil
	}
	w, err := spool.Create(l.Dir, spool.Options{MaxBytes: l.MaxBytes, NonBlocking: l.NonBlocking})
	if err != nil {
		return nil, err
	}
	return &output{w}, nil
}

func (o *output) print(lines []string) error {
	if o == nil || len(lines) == 0 {
		return nil
	}
	return o.spool.Copy(spool.Stdout, strings.NewReader(strings.Join(lines, "\n")+"\n"))
}

// close marks the output complete.
func (o *output) close() {
	if o != nil {
		_ = o.spool.Close()
	}
}
