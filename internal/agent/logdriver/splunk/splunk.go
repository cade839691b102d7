// Package splunk is the log driver splunk: it posts what containers print to an HTTP Event Collector. internal/agent makes it.
package splunk

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// Driver posts to the collectors that containers' options name.
type Driver struct{}

var _ logdriver.Driver = Driver{}

// Prepare checks the options, and, for a container that waits for its output to be taken, that the collector answers, unless
// splunk-verify-connection says not to.
func (Driver) Prepare(ctx context.Context, s logdriver.Source) error {
	o, err := optionsOf(s)
	if err != nil || !o.verify || !s.Blocking() {
		return err
	}
	out := &sink{options: o, client: o.client()}
	defer out.Close()
	if err := out.do(ctx, http.MethodOptions, o.url, nil); err != nil {
		return &logdriver.Unavailable{Err: fmt.Errorf("splunk: failed to verify connection - %w", err)}
	}
	return nil
}

// Open returns the way to the container's collector.
func (Driver) Open(s logdriver.Source) (logdriver.Sink, error) {
	o, err := optionsOf(s)
	if err != nil {
		return nil, err
	}
	out := &sink{options: o, client: o.client(), attributes: s.Attributes(nil), channel: rand.Text()}
	if out.host, err = os.Hostname(); err != nil {
		return nil, err
	}
	if tag, given := s.Options["tag"]; !given || tag != "" { // an empty one leaves the tag out
		out.tag, err = s.Tag(logdriver.DefaultTag)
	}
	return out, err
}

// sink is the way to one collector.
type sink struct {
	options
	client     *http.Client
	host, tag  string
	attributes map[string]string
	channel    string
}

// Bounds of a request, and of a line that is put together from its pieces.
const (
	maxBytes  = 512 << 10
	maxEvents = 1000
	maxEvent  = 256 << 10
)

// Limits are below those of a collector as it comes.
func (s *sink) Limits() logdriver.Limits {
	return logdriver.Limits{Bytes: maxBytes, Events: maxEvents, Event: maxEvent, NoEmpty: s.format == "raw", Patience: logdriver.Patience}
}

// Send posts a batch. What the collector calls wrong is dropped; a token that it does not know may be known later.
func (s *sink) Send(ctx context.Context, b logdriver.Batch) (taken int, err error) {
	var body bytes.Buffer
	for _, e := range b.Events {
		if err := s.encode(&body, e); err != nil {
			return 0, err
		}
	}
	err = s.do(ctx, http.MethodPost, s.url+s.path, body.Bytes())
	var answered *failure
	if errors.As(err, &answered) && (answered.status == http.StatusBadRequest || answered.status == http.StatusRequestEntityTooLarge) {
		return len(b.Events), &logdriver.Refused{Events: len(b.Events), Err: err}
	}
	if err != nil {
		return 0, err
	}
	return len(b.Events), nil
}

// failure is an answer other than 200.
type failure struct {
	status int
	text   string
}

func (f *failure) Error() string {
	return fmt.Sprintf("%d %s - %s", f.status, http.StatusText(f.status), f.text)
}

// maxAnswer is how much of an answer is read.
const maxAnswer = 1024

func (s *sink) do(ctx context.Context, method, url string, body []byte) error {
	if s.gzip && body != nil {
		var small bytes.Buffer
		z, err := gzip.NewWriterLevel(&small, s.gzipLevel)
		if err != nil {
			return err
		}
		if _, err := z.Write(body); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		body = small.Bytes()
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Splunk "+s.token)
	if s.gzip && body != nil {
		r.Header.Set("Content-Encoding", "gzip")
	}
	if s.acknowledge {
		r.Header.Set("X-Splunk-Request-Channel", s.channel)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode != http.StatusOK {
		return &failure{answer.StatusCode, string(text)}
	}
	return err
}

// Close closes the connections.
func (s *sink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}
