package spool

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
	"unicode/utf8"
)

// Copy reads a container's output until its end and writes it line by line. Two streams are copied by two goroutines.
// While the spool is full in blocking mode it doesn't read, so that the container waits in turn.
func (w *Writer) Copy(stream Stream, r io.Reader) error {
	var lines []Line
	buf := make([]byte, MaxLine)
	held := 0 // bytes of an unfinished line at the start of buf
	for {
		n, err := r.Read(buf[held:])
		now := time.Now()
		rest := buf[:held+n]
		lines = lines[:0]
		for {
			text, after, found := bytes.Cut(rest, []byte{'\n'})
			if !found {
				break
			}
			lines = append(lines, Line{Time: now, Stream: stream, Text: text})
			rest = after
		}
		switch {
		case err != nil && len(rest) > 0:
			lines = append(lines, Line{Time: now, Stream: stream, Text: rest})
		case len(rest) == len(buf):
			cut := wholeRunes(rest)
			lines = append(lines, Line{Time: now, Stream: stream, Partial: true, Text: rest[:cut]})
			rest = rest[cut:]
		}
		if len(lines) > 0 {
			if err := w.append(lines); err != nil {
				return err
			}
		}
		held = copy(buf, rest)
		if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// wholeRunes returns how much of b to take so as not to cut a UTF-8 sequence in two.
func wholeRunes(b []byte) int {
	for back := 1; back < utf8.UTFMax && back < len(b); back++ {
		if at := len(b) - back; utf8.RuneStart(b[at]) {
			if !utf8.FullRune(b[at:]) {
				return at
			}
			break
		}
	}
	return len(b)
}
