package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func create(t testing.TB, dir string, o Options) *Writer {
	t.Helper()
	w, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func open(t testing.TB, dir string, from uint64) *Reader {
	t.Helper()
	r, err := Open(dir, from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// rest reads to the end of the spool.
func rest(t testing.TB, r *Reader) []Line {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var all []Line
	batch := make([]Line, 7)
	for {
		n, err := r.Read(ctx, batch)
		all = append(all, batch[:n]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("after %d lines: %v", len(all), err)
		}
	}
}

func texts(lines []Line) []string {
	var all []string
	for _, l := range lines {
		all = append(all, string(l.Text))
	}
	return all
}

func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

func wantNumbered(t *testing.T, lines []Line, from, to int) {
	t.Helper()
	if len(lines) != to-from {
		t.Fatalf("%d lines instead of %d", len(lines), to-from)
	}
	for i, l := range lines {
		if want := fmt.Sprintf("line %d", from+i); string(l.Text) != want || l.Offset != uint64(from+i) {
			t.Fatalf("line %d at offset %d is %q", from+i, l.Offset, l.Text)
		}
	}
}

func TestLinesComeBackWithStreamTimeAndOffset(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	before := time.Now()
	w := create(t, dir, Options{})
	w.Copy(Stdout, strings.NewReader("one\n\ntwo\n"))
	w.Copy(Stderr, strings.NewReader("no newline"))
	w.Close()
	lines := rest(t, open(t, dir, 0))
	if got := texts(lines); len(got) != 4 || got[0] != "one" || got[1] != "" || got[2] != "two" || got[3] != "no newline" {
		t.Fatalf("lines are %q", got)
	}
	for i, l := range lines {
		if l.Offset != uint64(i) || l.Partial || l.Time.Before(before.Truncate(0)) || l.Time.After(time.Now()) {
			t.Errorf("line %d is %+v", i, l)
		}
	}
	if lines[2].Stream != Stdout || lines[3].Stream != Stderr {
		t.Errorf("the streams are %v and %v", lines[2].Stream, lines[3].Stream)
	}
}

func TestLongLinesAreSplitBetweenRunes(t *testing.T) {
	dir := t.TempDir()
	w := create(t, filepath.Join(dir, "spool"), Options{})
	long := strings.Repeat("x", MaxLine-1) + strings.Repeat("€", 9000) + "\nshort\n"
	w.Copy(Stdout, iotest{strings.NewReader(long)})
	w.Close()
	lines := rest(t, open(t, filepath.Join(dir, "spool"), 0))
	var whole bytes.Buffer
	for _, l := range lines {
		if len(l.Text) > MaxLine || strings.ToValidUTF8(string(l.Text), "?") != string(l.Text) {
			t.Errorf("a piece of %d bytes cuts a rune or is too long", len(l.Text))
		}
		whole.Write(l.Text)
		if !l.Partial {
			whole.WriteByte('\n')
		}
	}
	if whole.String() != long {
		t.Errorf("%d bytes came back of %d, in %d pieces", whole.Len(), len(long), len(lines))
	}
}

// iotest gives an odd number of bytes at a time.
type iotest struct{ r io.Reader }

func (i iotest) Read(b []byte) (int, error) { return i.r.Read(b[:min(len(b), 4099)]) }

func TestReaderFollowsAcrossSegments(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	w := create(t, dir, Options{MaxBytes: 1 << 20})
	r := open(t, dir, 0)
	const n = 20000
	go func() {
		for i := range 100 {
			w.Copy(Stdout, strings.NewReader(numbered(i*n/100, (i+1)*n/100)))
		}
		w.Close()
	}()
	wantNumbered(t, rest(t, r), 0, n)
	if firsts, _ := segments(dir); len(firsts) < 4 {
		t.Errorf("%d segments are too few for this test", len(firsts))
	}
	wantNumbered(t, rest(t, open(t, dir, 12345)), 12345, n)
}

func TestAFullSpoolBlocksUntilRelease(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	w := create(t, dir, Options{MaxBytes: 64 << 10})
	r := open(t, dir, 0)
	const n = 20000
	source, sink := io.Pipe()
	copied := make(chan error, 1)
	go func() { copied <- w.Copy(Stdout, source) }()
	written := make(chan int, 1)
	go func() {
		n, _ := io.WriteString(sink, numbered(0, n))
		sink.Close()
		written <- n
	}()
	var all []Line
	batch := make([]Line, 100)
	for len(all) < n {
		c, err := r.Read(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, batch[:c]...)
		if held := size(t, dir); held > 64<<10+MaxLine {
			t.Fatalf("the spool holds %d bytes", held)
		}
		if err := r.Release(all[len(all)-1].Offset + 1); err != nil {
			t.Fatal(err)
		}
	}
	<-written
	if err := <-copied; err != nil {
		t.Fatal(err)
	}
	wantNumbered(t, all, 0, n)
}

func size(t *testing.T, dir string) (total int64) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*"+suffix))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			total += info.Size()
		}
	}
	return total
}

func TestClosingEndsACopyThatWaits(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	w := create(t, dir, Options{MaxBytes: 64 << 10})
	copied := make(chan error, 1)
	go func() { copied <- w.Copy(Stdout, strings.NewReader(numbered(0, 20000))) }()
	r := open(t, dir, 0)
	for held := 0; held < 500; {
		n, err := r.Read(t.Context(), make([]Line, 100))
		if err != nil {
			t.Fatal(err)
		}
		held += n
	}
	w.Close()
	if err := <-copied; !errors.Is(err, os.ErrClosed) {
		t.Errorf("the waiting copy returned %v", err)
	}
	rest(t, r)
}

func TestNonBlockingDropsTheOldestAndCounts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	w := create(t, dir, Options{MaxBytes: 64 << 10, NonBlocking: true})
	const n = 20000
	if err := w.Copy(Stdout, strings.NewReader(numbered(0, n))); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r := open(t, dir, 0)
	lines := rest(t, r)
	if len(lines) == 0 || len(lines) == n {
		t.Fatalf("%d lines are left", len(lines))
	}
	wantNumbered(t, lines, n-len(lines), n)
	if r.Lost() != uint64(n-len(lines)) {
		t.Errorf("lost %d, not %d", r.Lost(), n-len(lines))
	}
	if held := size(t, dir); held > 64<<10+MaxLine {
		t.Errorf("the spool holds %d bytes", held)
	}
}

func TestSealEndsASpoolWhoseWriterDied(t *testing.T) {
	for cut := range 40 {
		dir := filepath.Join(t.TempDir(), "spool")
		w := create(t, dir, Options{})
		w.Copy(Stdout, strings.NewReader(numbered(0, 10)))
		path := segmentPath(dir, 0)
		content, _ := os.ReadFile(path)
		if err := os.Truncate(path, int64(len(content)-cut)); err != nil {
			t.Fatal(err)
		}
		r := open(t, dir, 0)
		whole := 10
		if cut > 0 {
			whole = 10 - (cut+headerSize+len("line 9")-1)/(headerSize+len("line 9"))
		}
		wantLines(t, r, whole)
		for range 2 {
			if err := Seal(dir); err != nil {
				t.Fatal(err)
			}
		}
		if more := rest(t, r); len(more) != 0 {
			t.Fatalf("cut by %d: %d lines after the seal", cut, len(more))
		}
		wantNumbered(t, rest(t, open(t, dir, 0)), 0, whole)
	}
}

func wantLines(t *testing.T, r *Reader, n int) {
	t.Helper()
	for got := 0; got < n; {
		c, err := r.Read(t.Context(), make([]Line, n))
		if err != nil {
			t.Fatal(err)
		}
		got += c
	}
}

func TestDamageLosesNoMoreThanItsSegment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	w := create(t, dir, Options{MaxBytes: 1 << 20})
	const n = 20000
	w.Copy(Stdout, strings.NewReader(numbered(0, n)))
	w.Close()
	firsts, _ := segments(dir)
	f, err := os.OpenFile(segmentPath(dir, firsts[1]), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte{0xff}, 100)
	f.Close()
	r := open(t, dir, 0)
	lines := rest(t, r)
	if uint64(len(lines))+r.Lost() != n || lines[len(lines)-1].Offset != n-1 {
		t.Errorf("%d lines and %d lost of %d", len(lines), r.Lost(), n)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	create(t, dir, Options{})
	r := open(t, dir, 0)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := r.Read(ctx, make([]Line, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Read returned %v", err)
	}
}

// What is written comes back in order and once, whatever the sizes of writes, reads, releases and restarts.
func TestNothingIsLostOrDoubled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root, err := os.MkdirTemp("", "spool")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(root)
		dir := filepath.Join(root, "spool")
		w, err := Create(dir, Options{MaxBytes: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		r, err := Open(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { r.Close() }()
		written, read := 0, 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			lines := rapid.IntRange(0, 40).Draw(t, "lines")
			width := rapid.IntRange(0, 200).Draw(t, "width")
			for range lines {
				w.Copy(Stdout, strings.NewReader(fmt.Sprintf("%d %s\n", written, strings.Repeat("y", width))))
				written++
			}
			for read < written {
				batch := make([]Line, rapid.IntRange(1, 50).Draw(t, "batch"))
				n, err := r.Read(context.Background(), batch)
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range batch[:n] {
					if first, _, _ := strings.Cut(string(l.Text), " "); first != fmt.Sprint(read) {
						t.Fatalf("%q came as line %d", first, read)
					}
					read++
				}
			}
			if err := r.Release(uint64(read)); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "restart") {
				r.Close()
				if r, err = Open(dir, uint64(read)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if r.Lost() != 0 {
			t.Fatalf("%d lost", r.Lost())
		}
	})
}

// FuzzReader reads whatever bytes a segment may hold.
func FuzzReader(f *testing.F) {
	whole := appendRecord(nil, Line{Time: time.Unix(1, 2), Stream: Stderr, Text: []byte("hello")}, false)
	f.Add(whole)
	f.Add(appendRecord(whole, Line{Offset: 7, Partial: true}, true))
	f.Add(whole[:headerSize+2])
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(segmentPath(dir, 0), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Seal(dir); err != nil {
			t.Fatal(err)
		}
		next := uint64(0)
		for _, l := range rest(t, open(t, dir, 0)) {
			if l.Offset < next || len(l.Text) > MaxLine {
				t.Fatalf("line %d of %d bytes after %d", l.Offset, len(l.Text), next)
			}
			next = l.Offset + 1
		}
	})
}

func BenchmarkCopy(b *testing.B) {
	w := create(b, filepath.Join(b.TempDir(), "spool"), Options{NonBlocking: true})
	text := []byte(strings.Repeat(strings.Repeat("z", 99)+"\n", 160))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		w.Copy(Stdout, bytes.NewReader(text))
	}
}
