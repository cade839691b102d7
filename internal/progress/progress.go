// Package progress tells people what goes on while they wait: steps, which stay, and the state of the present one, which
// changes in place on a terminal and is repeated now and then elsewhere. The verbs of cmd/berth use it.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// every is how often a state is told where it can't change in place.
const every = 5 * time.Second

// Writer writes the progress of one verb.
type Writer struct {
	out   io.Writer
	width int // of the terminal; 0: it is none
	now   func() time.Time

	mu    sync.Mutex
	state string
	told  time.Time
}

// To returns a Writer to out, usually standard error.
func To(out io.Writer) *Writer {
	return &Writer{out: out, width: width(out), now: time.Now}
}

// IsTerminal tells whether a file is a terminal.
func IsTerminal(file *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	return err == nil
}

// width is how many characters fit on a line of the terminal, 0 where there is none.
func width(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	switch {
	case err != nil:
		return 0
	case size.Col == 0:
		return 80 // a terminal that does not know its size
	}
	return int(size.Col)
}

// Step says what has come to pass. The state before it is over.
func (w *Writer) Step(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done()
	fmt.Fprintf(w.out, format+"\n", args...)
	w.told = w.now()
}

// State says how things are just now, in a line without news of its own.
func (w *Writer) State(format string, args ...any) {
	state := fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case state == w.state:
	case w.width > 0:
		w.state = state
		fmt.Fprintf(w.out, "\r\x1b[K%s", cut(state, w.width-1))
	case w.told.IsZero():
		w.told = w.now() // what is over soon needs no telling
	case w.now().Sub(w.told) >= every:
		w.state, w.told = state, w.now()
		fmt.Fprintln(w.out, state)
	}
}

// Done takes the state off the terminal.
func (w *Writer) Done() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done()
}

func (w *Writer) done() {
	if w.width > 0 && w.state != "" {
		fmt.Fprint(w.out, "\r\x1b[K")
	}
	w.state = ""
}

// Plain is text of somebody else's on one line, without what a terminal obeys.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// cut shortens a line to a number of characters.
func cut(line string, n int) string {
	if utf8.RuneCountInString(line) <= n {
		return line
	}
	return string([]rune(line)[:max(0, n-1)]) + "…"
}
