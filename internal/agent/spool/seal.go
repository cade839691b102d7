package spool

import (
	"fmt"
	"os"
	"time"
)

// Seal completes a spool whose writer died, so that its reader comes to an end: it cuts off a record that was being
// written and adds the end. Sealing a complete spool changes nothing. fs.ErrNotExist: there is no spool.
func Seal(dir string) error {
	if err := seal(dir); err != nil {
		return fmt.Errorf("seal log spool: %w", err)
	}
	return nil
}

func seal(dir string) error {
	firsts, err := segments(dir)
	if err != nil || len(firsts) == 0 {
		return err
	}
	last := firsts[len(firsts)-1]
	content, err := os.ReadFile(segmentPath(dir, last))
	if err != nil {
		return err
	}
	next, at := last, 0
	for {
		line, end, size, err := parseRecord(content[at:])
		if end {
			return nil
		}
		if err != nil {
			break
		}
		next, at = line.Offset+1, at+size
	}
	f, err := os.OpenFile(segmentPath(dir, last), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(int64(at)); err != nil {
		return err
	}
	if _, err := f.WriteAt(appendRecord(nil, Line{Offset: next, Time: time.Now()}, true), int64(at)); err != nil {
		return err
	}
	data, err := openBell(dir, dataBell)
	if err != nil {
		return err
	}
	data.ring()
	return data.close()
}
