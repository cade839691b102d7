// Package lsm opens the Pebble databases that a Berth keeps on its machine beside its state: the log journal and the history of
// stopped tasks. Each lies in a directory of its own, held by one process.
package lsm

import (
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// Open opens the database in dir, or makes one there when dir is empty or absent. name is what people call it: "log journal". A directory
// that is damaged, or held by another process, is refused and left as it is.
func Open(dir, name string, log *slog.Logger) (*pebble.DB, error) {
	db, err := pebble.Open(dir, Options(name, log))
	if err != nil {
		return nil, fmt.Errorf("open %s in %s: %w", name, dir, err)
	}
	return db, nil
}

// Options are the settings of every such database: small caches, for what is read is mostly what was just written. Memory is
// bounded by the memtables and the block cache, not by what is stored.
func Options(name string, log *slog.Logger) *pebble.Options {
	options := &pebble.Options{
		// Named, not "newest": a directory written by this version must be readable by the one before it.
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		CacheSize:                   8 << 20,
		MemTableSize:                8 << 20,
		MemTableStopWritesThreshold: 3,
		MaxOpenFiles:                256,
		Logger:                      logger{name, log},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // what is not there is asked for often: whether it is new
	}
	options.EventListener = &pebble.EventListener{BackgroundError: patiently(name, log)}
	options.EnsureDefaults()
	return options
}
