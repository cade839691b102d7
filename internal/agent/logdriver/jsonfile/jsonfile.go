// Package jsonfile is the log driver json-file: it writes what containers print into files of Docker's json-file format on
// the agent's machine, a directory for each task, and reads them back. internal/agent makes it.
//
//	DIR/TASK/CONTAINER-json.log       {"log":"text\n","stream":"stdout","time":"..."}, a line each
//	DIR/TASK/CONTAINER-json.log.1     the file before that, .gz when it is compressed
//	DIR/TASK/CONTAINER-json.position  how much of the spool the files hold
//
// Each line is in the files once: after a crash the file goes on where its position says. A file stays for a while after its task
// has ended; see Sweep.
package jsonfile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	units "github.com/docker/go-units"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// Driver writes files below a directory.
type Driver struct{ Dir string }

var _ logdriver.Driver = (*Driver)(nil)

// options are how files are bounded.
type options struct {
	maxSize  int64 // bytes, after which a file is rotated; 0: never
	maxFile  int   // files in all
	compress bool  // those that are rotated
}

func optionsOf(s logdriver.Source) (o options, err error) {
	if err := logdriver.CheckTagged("json-file", s.Options, "max-file", "max-size", "compress"); err != nil {
		return o, err
	}
	o.maxFile = 1
	if text, ok := s.Options["max-size"]; ok {
		if o.maxSize, err = units.FromHumanSize(text); err != nil {
			return o, err
		}
		if o.maxSize <= 0 {
			return o, fmt.Errorf("max-size must be a positive number")
		}
	}
	if text, ok := s.Options["max-file"]; ok {
		if o.maxFile, err = strconv.Atoi(text); err != nil {
			return o, err
		}
		if o.maxFile < 1 {
			return o, fmt.Errorf("max-file cannot be less than 1")
		}
	}
	if text, ok := s.Options["compress"]; ok {
		if o.compress, err = strconv.ParseBool(text); err != nil {
			return o, err
		}
		if o.compress && (o.maxFile == 1 || o.maxSize == 0) {
			return o, fmt.Errorf("compress cannot be true when max-file is less than 2 or max-size is not set")
		}
	}
	return o, nil
}

// Prepare checks the options.
func (d *Driver) Prepare(_ context.Context, s logdriver.Source) error {
	_, err := optionsOf(s)
	return err
}

// Open returns the container's file, which the first batch makes.
func (d *Driver) Open(s logdriver.Source) (logdriver.Sink, error) {
	o, err := optionsOf(s)
	if err != nil {
		return nil, err
	}
	attributes := s.Attributes(nil)
	if s.Options["tag"] != "" {
		if attributes["tag"], err = s.Tag(""); err != nil {
			return nil, err
		}
	}
	return &file{options: o, path: d.path(s.Task, s.Container), attributes: attributes}, nil
}

func (d *Driver) path(task, container string) string {
	return filepath.Join(d.Dir, task, container+"-json.log")
}

// maxBytes is how much is written at once.
const maxBytes = 256 << 10

// Limits keep lines as they are, up to what the other drivers take.
func (f *file) Limits() logdriver.Limits {
	return logdriver.Limits{Bytes: maxBytes, Event: maxBytes, Patience: logdriver.Patience}
}

// Send appends a batch. What can't be written, on a full disk, is written later.
func (f *file) Send(_ context.Context, b logdriver.Batch) (taken int, err error) {
	if f.f == nil {
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	for len(b.Events) > 0 && b.Events[0].First < f.position.Offset { // is there already
		b = b.From(1)
		taken++
	}
	for _, e := range b.Events {
		record, err := encode(e, f.attributes)
		if err != nil {
			return taken, err
		}
		if f.maxSize > 0 && f.size()+int64(len(record)) > f.maxSize && f.size() > 0 {
			if err := f.rotate(); err != nil {
				return taken, err
			}
		}
		f.pending = append(f.pending, record...)
		f.next = e.End
	}
	if err := f.flush(); err != nil {
		return taken, err
	}
	return taken + len(b.Events), nil
}

// Close closes the file.
func (f *file) Close() error {
	if f.f == nil {
		return nil
	}
	return f.f.Close()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
