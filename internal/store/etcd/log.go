package etcd

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quiet is a logger for etcd that passes on its warnings and errors, and turns an end of the process into a panic. What it said last of
// an error is in last: etcd's errors and panics don't say it.
func quiet(to *slog.Logger, last *atomic.Pointer[string]) *zap.Logger {
	return zap.New(forward{to: to, last: last}, zap.WithFatalHook(stop{}))
}

// forward is a zap core that writes to slog.
type forward struct {
	to     *slog.Logger
	last   *atomic.Pointer[string]
	fields []zapcore.Field
}

func (f forward) Enabled(level zapcore.Level) bool { return level >= zapcore.WarnLevel }

func (f forward) With(fields []zapcore.Field) zapcore.Core {
	return forward{f.to, f.last, append(slices.Clip(f.fields), fields...)}
}

func (f forward) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if f.Enabled(entry.Level) {
		return checked.AddCore(entry, f)
	}
	return checked
}

// harmless are warnings of ordinary starts. A first one, until etcd has made its first snapshot: it looks for its own version before it has
// written it, and for its leader before it has read of it. One after a crash, hundreds of times: it announces itself, which nobody needs
// here, before it has taken in its log.
var harmless = []string{
	"Failed to detect schema version", "failed to update storage version",
	"Failed to detect storage schema version", "cannot campaign at term",
	"failed to publish local member to cluster",
}

func (f forward) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	if slices.ContainsFunc(harmless, func(h string) bool { return strings.Contains(entry.Message, h) }) {
		return nil
	}
	level := slog.LevelWarn
	if entry.Level > zapcore.WarnLevel {
		level = slog.LevelError
	}
	attrs := attributes(append(slices.Clip(f.fields), fields...))
	f.to.Log(context.Background(), level, "etcd: "+entry.Message, attrs...)
	if level == slog.LevelError {
		said := fmt.Sprint(append([]any{entry.Message + ":"}, attrs...)...)
		f.last.Store(&said)
	}
	return nil
}

func (f forward) Sync() error { return nil }

// longest bounds what is told of one thing, in bytes. A slow request is told with all of its keys, hundreds of them.
const longest = 256

func attributes(fields []zapcore.Field) []any {
	encoder := zapcore.NewMapObjectEncoder()
	for _, field := range fields {
		field.AddTo(encoder)
	}
	delete(encoder.Fields, "stacktrace")
	var attrs []any
	for name, value := range encoder.Fields {
		if text, ok := value.(string); ok && len(text) > longest {
			value = text[:longest] + "..."
		}
		attrs = append(attrs, slog.Any(name, value))
	}
	return attrs
}

// stop is what happens when etcd can't go on, mostly because the disk refuses: the goroutine panics. When etcd is opening, Open makes an
// error of it. Later it ends the process, as it must: what was not written must not be taken for written.
type stop struct{}

func (stop) OnWrite(entry *zapcore.CheckedEntry, _ []zapcore.Field) { panic(entry.Message) }
