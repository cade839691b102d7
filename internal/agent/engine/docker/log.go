package docker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/retry"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// What Docker keeps of a container's output while the agent does not read it: so much in each of so many files.
const (
	leastLog = 16 << 20
	logFiles = 3
)

// logDriver is how Docker keeps the output of a container. Where the agent ships it, Docker's own driver "local", which
// keeps every byte as it came, is read; otherwise the definition's driver is Docker's to run.
func logDriver(spec engine.ContainerSpec) container.LogConfig {
	if spec.Log.Dir != "" {
		size := max(spec.Log.MaxBytes, leastLog)
		return container.LogConfig{Type: "local", Config: map[string]string{
			"max-size": strconv.FormatInt(size, 10), "max-file": strconv.Itoa(logFiles), "compress": "false"}}
	}
	switch log := spec.Host.LogConfig; log.Type {
	case "awslogs", "awsfirelens": // the agent's own, and it wants nothing of it
		return container.LogConfig{Type: "none"}
	default:
		return log
	}
}

// logFollower brings what a container prints from Docker into its spool. Docker keeps the output too, with the time of
// each line: an agent that comes later goes on after the last line that the spool has.
type logFollower struct {
	*box
	woken chan struct{} // of capacity 1: something has happened to the container
	spool *spool.Writer // guarded by the task's mu
}

func newLogFollower(b *box) *logFollower {
	return &logFollower{box: b, woken: make(chan struct{}, 1)}
}

func (f *logFollower) rouse() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// begin follows, if there is a spool to fill.
func (f *logFollower) begin() {
	if f.record.Log.Dir != "" {
		f.work.Go(f.run)
	}
}

// letGo ends a wait for room. The task's mu is held.
func (f *logFollower) letGo() {
	if f.spool != nil {
		_ = f.spool.Abandon()
	}
}

func (f *logFollower) run() {
	w, kept, err := spool.Resume(f.record.Log.Dir, f.spoolOptions())
	if errors.Is(err, spool.ErrComplete) {
		return
	}
	if err != nil {
		f.config.Log.Error("a container's output is not kept", "task", f.id, "container", f.record.Name, "error", err)
		return
	}
	defer w.Abandon()
	f.mu.Lock()
	f.spool = w
	f.mu.Unlock()
	for f.life.Err() == nil {
		began, final := f.progress()
		var err error
		if began {
			err = f.read(w, &kept)
		}
		switch {
		case final && (err == nil || errors.Is(err, engine.ErrNotFound)):
			_ = w.Close()
			return
		case err != nil || f.isRunning(): // broken off
			retry.Pause(f.life, 100*time.Millisecond)
			continue
		}
		select {
		case <-f.woken:
		case <-f.life.Done():
		}
	}
}

// progress says whether the container has begun, and whether it has printed all it ever will.
func (f *logFollower) progress() (began, final bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.seen
	return !s.StartedAt.IsZero(), f.lost != "" || s.State == engine.Stopped && (!f.record.Restarts || f.record.Halted || !f.gone.IsZero())
}

func (f *logFollower) isRunning() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen.State == engine.Running
}

// overlap is how far back Docker is asked again: the lines of the two streams are not quite in order of time.
const overlap = time.Second

// read appends what Docker has beyond what is kept, and what comes, until the container stops.
func (f *logFollower) read(w *spool.Writer, kept *spool.Kept) error {
	options := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: true}
	var since time.Time
	for _, last := range kept.Last {
		if since.Before(last.Time) {
			since = last.Time
		}
	}
	if !since.IsZero() {
		since = since.Add(-overlap)
		options.Since = fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond())
	}
	c, err := f.inspect(f.life, f.record.ID)
	if err != nil {
		return err
	}
	output, err := f.api.ContainerLogs(f.life, f.record.ID, options)
	if err != nil {
		return explain("read the output of container "+f.record.Name, err)
	}
	defer output.Close()
	next := messages(bufio.NewReaderSize(output, 64<<10), c.Config.Tty)
	seen := overlapped(*kept)
	for {
		line, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if seen(line) {
			continue
		}
		if err := w.Append(line); err != nil {
			return err
		}
		kept.Add(line)
	}
}

// overlapped tells the lines that are kept already from those that come after them, when a log is read again.
func overlapped(kept spool.Kept) func(spool.Line) bool {
	again := map[spool.Stream]int{}
	last := make(map[spool.Stream]spool.Last, len(kept.Last))
	for stream, l := range kept.Last {
		last[stream] = l
	}
	return func(line spool.Line) bool {
		l, ok := last[line.Stream]
		switch {
		case !ok: // what was kept of the stream, if anything, is shipped and gone
			return line.Time.Before(kept.Oldest)
		case line.Time.Before(l.Time):
			return true
		case line.Time.Equal(l.Time) && again[line.Stream] < l.Count:
			again[line.Stream]++
			return true
		}
		return false
	}
}

// messages reads a log as Docker sends it with times: a message is a line, or a part of one that is too long.
func messages(r *bufio.Reader, tty bool) func() (spool.Line, error) {
	if tty {
		return func() (spool.Line, error) { return raw(r) }
	}
	buf := make([]byte, 0, 32<<10)
	return func() (spool.Line, error) {
		var header [8]byte
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return spool.Line{}, err
		}
		size := binary.BigEndian.Uint32(header[4:])
		if size > maxMessage {
			return spool.Line{}, fmt.Errorf("the Docker daemon sent a message of %d bytes", size)
		}
		if cap(buf) < int(size) {
			buf = make([]byte, 0, size)
		}
		buf = buf[:size]
		if _, err := io.ReadFull(r, buf); err != nil {
			return spool.Line{}, err
		}
		switch stdcopy.StdType(header[0]) {
		case stdcopy.Stderr:
			return message(spool.Stderr, buf)
		case stdcopy.Systemerr:
			return spool.Line{}, fmt.Errorf("the Docker daemon reads its log no further: %s", buf)
		}
		return message(spool.Stdout, buf)
	}
}

const (
	maxMessage = 1 << 20
	timeLayout = "2006-01-02T15:04:05.000000000Z07:00"
	timeSize   = len("2006-01-02T15:04:05.000000000Z") + 1 // and a space
)

// message takes a message apart. Docker splits lines where a spool does.
func message(stream spool.Stream, text []byte) (spool.Line, error) {
	if len(text) < timeSize {
		return spool.Line{}, fmt.Errorf("the Docker daemon sent a message without a time: %q", text)
	}
	at, err := time.Parse(timeLayout, string(text[:timeSize-1]))
	if err != nil {
		return spool.Line{}, fmt.Errorf("the Docker daemon sent a message without a time: %w", err)
	}
	line := spool.Line{Time: at, Stream: stream, Text: text[timeSize:]}
	if n := len(line.Text); n > 0 && line.Text[n-1] == '\n' {
		line.Text = line.Text[:n-1]
	} else {
		line.Partial = n == spool.MaxLine // anything shorter is what was there at the end
	}
	line.Text = line.Text[:min(len(line.Text), spool.MaxLine)]
	return line, nil
}

// raw reads a message of a container with a terminal, whose log has nothing between messages.
func raw(r *bufio.Reader) (spool.Line, error) {
	text := make([]byte, 0, 256)
	for len(text) < timeSize+spool.MaxLine {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) && len(text) > 0 {
			break
		}
		if err != nil {
			return spool.Line{}, err
		}
		if text = append(text, b); b == '\n' {
			break
		}
	}
	return message(spool.Stdout, text)
}

// sealLogs completes spools whose containers are gone: nothing is added any more.
func (t *task) sealLogs() {
	for _, b := range t.boxes {
		if b.record.Log.Dir != "" {
			_ = spool.Seal(b.record.Log.Dir)
		}
	}
}
