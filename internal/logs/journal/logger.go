package journal

import (
	"fmt"
	"log/slog"
)

// logger passes on what Pebble has to say. Its running commentary is of no use to people; its fatal errors end the
// process, for after one of them nothing can be known about what is on disk.
type logger struct{ log *slog.Logger }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error("log journal", "error", fmt.Sprintf(format, args...))
}

func (l logger) Fatalf(format string, args ...any) {
	panic("log journal: " + fmt.Sprintf(format, args...))
}
