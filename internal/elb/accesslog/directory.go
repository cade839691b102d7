// Package accesslog keeps the access logs of load balancers in a directory: a directory in it for each bucket, and in that files
// with the names that Elastic Load Balancing gives them, uncompressed. cmd/berth opens it when it is told where, and the data
// path (package node) gives it the lines.
package accesslog

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

const (
	// waiting is how many lines wait to be written; what comes beyond is lost, and told.
	waiting = 8192
	// interval is how long a file gets lines: AWS delivers one every five minutes.
	interval = 5 * time.Minute
	// flush is how long a line stays in memory at the most.
	flush = time.Second
)

// Directory keeps access logs.
type Directory struct {
	root  string
	log   *slog.Logger
	lines chan line
	stop  chan struct{}
	done  sync.WaitGroup
	files map[string]*file // by load balancer's ARN

	mu   sync.Mutex
	lost int   // lines since it was last told
	why  error // the last of what they were lost by
}

type line struct {
	to   *balancer.AccessLog
	text []byte
	at   time.Time
}

// file is what a load balancer's lines go to now.
type file struct {
	*os.File
	buffer *bufio.Writer
	lines  int // since it was last flushed
	to     balancer.AccessLog
	until  time.Time
}

// Open keeps access logs under root until Close.
func Open(root string, log *slog.Logger) *Directory {
	d := &Directory{root: root, log: log, lines: make(chan line, waiting), stop: make(chan struct{}), files: map[string]*file{}}
	d.done.Go(d.run)
	return d
}

// Close writes what waits. Nothing is kept after it.
func (d *Directory) Close() error {
	close(d.stop)
	d.done.Wait()
	return nil
}

// Keep takes a line, which ends with a line break and belongs to the directory from then on. It does not wait.
func (d *Directory) Keep(to *balancer.AccessLog, text []byte) {
	select {
	case d.lines <- line{to, text, time.Now()}:
	default:
		d.lose(1, errBusy)
	}
}

// errBusy is that lines come faster than the disk takes them.
var errBusy = errors.New("they came faster than the disk takes them")

// lose notes that lines are lost, which is told once in a while however many there are.
func (d *Directory) lose(lines int, why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost += lines
	d.why = why
}

func (d *Directory) run() {
	tick := time.NewTicker(flush)
	defer tick.Stop()
	for {
		select {
		case l := <-d.lines:
			d.write(l)
		case now := <-tick.C:
			d.settle(now)
		case <-d.stop:
			for range len(d.lines) {
				d.write(<-d.lines)
			}
			d.settle(time.Time{})
			return
		}
	}
}

// settle writes what is in memory, and closes files whose time is over: all, when now is zero.
func (d *Directory) settle(now time.Time) {
	for _, f := range d.files {
		if err := d.flush(f); err != nil || now.IsZero() || now.After(f.until) {
			d.end(f)
		}
	}
	d.mu.Lock()
	lost, why := d.lost, d.why
	d.lost, d.why = 0, nil
	d.mu.Unlock()
	if lost > 0 {
		d.log.Warn("lines of access logs are lost", "lines", lost, "error", why)
	}
}

// flush writes what is in memory of a file.
func (d *Directory) flush(f *file) error {
	err := f.buffer.Flush()
	if err != nil {
		d.lose(f.lines, err)
	}
	f.lines = 0
	return err
}

// end closes a file that was flushed. The next line opens one.
func (d *Directory) end(f *file) {
	delete(d.files, f.to.Balancer)
	f.Close() // what was to be written has been
}

// write writes a line, or notes that it is lost.
func (d *Directory) write(l line) {
	if err := d.append(l); err != nil {
		d.lose(1, err)
	}
}

func (d *Directory) append(l line) error {
	f := d.files[l.to.Balancer]
	if f == nil || l.at.After(f.until) || f.to != *l.to {
		if f != nil {
			_ = d.flush(f) // it has been noted
			d.end(f)
		}
		var err error
		if f, err = d.open(*l.to, l.at.Truncate(interval).Add(interval)); err != nil {
			return err
		}
		d.files[l.to.Balancer] = f
	}
	if _, err := f.buffer.Write(l.text); err != nil {
		d.lose(f.lines, err)
		f.lines = 0
		return err
	}
	f.lines++
	return nil
}

// open opens the file of a load balancer's lines until a time.
func (d *Directory) open(to balancer.AccessLog, until time.Time) (*file, error) {
	name, err := nameOf(to, until)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.root, 0o750); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(d.root) // nothing is written outside, whatever a bucket is called
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return nil, err
	}
	opened, err := root.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	return &file{File: opened, buffer: bufio.NewWriter(opened), to: to, until: until}, nil
}

// nameOf is the name of a file, as AWS makes names of objects:
// BUCKET/PREFIX/AWSLogs/ACCOUNT/elasticloadbalancing/REGION/2026/11/21/ACCOUNT_elasticloadbalancing_REGION_app.NAME.ID_20261121T0805Z.log
func nameOf(to balancer.AccessLog, until time.Time) (string, error) {
	parts := strings.SplitN(to.Balancer, ":", 6)
	if len(parts) != 6 {
		return "", fmt.Errorf("%q is no ARN of a load balancer", to.Balancer)
	}
	region, account, id := parts[3], parts[4], strings.ReplaceAll(strings.TrimPrefix(parts[5], "loadbalancer/"), "/", ".")
	until = until.UTC()
	file := strings.Join([]string{account, "elasticloadbalancing", region, id, until.Format("20060102T1504Z")}, "_") + ".log"
	return filepath.Join(to.Bucket, to.Prefix, "AWSLogs", account, "elasticloadbalancing", region, until.Format("2006/01/02"), file), nil
}
