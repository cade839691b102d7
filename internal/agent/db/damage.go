package db

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
)

var errNewer = errors.New("the agent's database was written by a newer berth: start that version")

// open opens the file. bbolt trusts what it reads: a torn page makes it panic, and a file that ends too soon faults.
func open(path string) (bolt *bbolt.DB, err error) {
	defer survive(&err)()
	return bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
}

// check reads everything once: damage shows here and not when a task needs the page.
func check(bolt *bbolt.DB) (err error) {
	defer survive(&err)()
	return bolt.View(func(tx *bbolt.Tx) error {
		if info, err := os.Stat(bolt.Path()); err != nil {
			return err
		} else if info.Size() < tx.Size() {
			return fmt.Errorf("it ends after %d of %d bytes", info.Size(), tx.Size())
		}
		err := tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(_, _ []byte) error { return nil })
		})
		if err != nil {
			return err
		}
		for err := range tx.Check() {
			return err
		}
		return recognise(tx)
	})
}

// recognise says whether the file is an agent database of a format that this version reads.
func recognise(tx *bbolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return errors.New("it is not an agent database")
	}
	format, err := strconv.Atoi(string(meta.Get(formatKey)))
	if err != nil {
		return errors.New("it does not tell its format")
	}
	if format > Format {
		return errNewer
	}
	for _, name := range [][]byte{identitiesBucket, tasksBucket, progressBucket, reportsBucket, offsetsBucket, endedBucket} {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("it has no %s", name)
		}
	}
	return nil
}

// survive makes memory faults in this goroutine panics, and returns what turns a panic into an error: defer survive(&err)().
func survive(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if r := recover(); r != nil {
			*err = fmt.Errorf("%v", r)
		}
	}
}
