package spool

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func TestResume(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	options := Options{MaxBytes: 64 << 10}
	for range 2 {
		if err := Ensure(dir, options); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Unix(1000, 5)
	line := func(text string, s Stream, at time.Time) Line { return Line{Time: at, Stream: s, Text: []byte(text)} }
	for i := range 3 {
		w, kept, err := Resume(dir, options)
		if err != nil {
			t.Fatal(err)
		}
		if got := kept.Last[Stdout].Count; got != min(i, 1)*2 || i > 0 && !kept.Last[Stdout].Time.Equal(at.Add(time.Duration(i-1)*time.Second)) {
			t.Errorf("the %d. writer finds %+v", i+1, kept)
		}
		now := at.Add(time.Duration(i) * time.Second)
		if err := w.Append(line("a", Stdout, now), line("b", Stderr, now), line("c", Stdout, now)); err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			err = w.Abandon()
		} else {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(line("late", Stdout, now)); err == nil {
			t.Error("a line was taken after the end")
		}
	}
	if _, _, err := Resume(dir, options); !errors.Is(err, ErrComplete) {
		t.Errorf("a complete spool is resumed: %v", err)
	}
	r, err := Open(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, batch := "", make([]Line, 4)
	for {
		n, err := r.Read(t.Context(), batch)
		for _, l := range batch[:n] {
			text += string(l.Text)
		}
		if err != nil {
			break
		}
	}
	if text != "abcabcabc" || r.Lost() != 0 {
		t.Errorf("it has %q and lost %d", text, r.Lost())
	}
}
