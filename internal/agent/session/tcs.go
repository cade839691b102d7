package session

import (
	"bytes"
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/api/tcs"
)

// publishEvery is the rhythm of telemetry.
const publishEvery = 20 * time.Second

// serveTCS serves one connection by which telemetry goes up.
func (s *Session) serveTCS(ctx context.Context) (worked bool, err error) {
	where, err := s.endpoints(ctx)
	if err != nil {
		return false, err
	}
	q := s.common()
	q.Set("cluster", s.cluster())
	q.Set("containerInstance", s.instance())
	q.Set("dockerVersion", s.Engine)
	c, _, err := s.dial(ctx, where.TelemetryEndpoint, q)
	s.discovery.opens(err == nil)
	if err != nil {
		return false, err
	}
	signed := &signedConn{conn: c, session: s, endpoint: where.TelemetryEndpoint}
	var heard atomic.Bool
	publishing, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	err = serve(ctx, signed, func(l *link) {
		go func() {
			defer close(done)
			s.publish(publishing, l)
		}()
	}, func(_ *link, data []byte) bool {
		known := s.takeTelemetry(data)
		if known {
			heard.Store(true)
		}
		return known
	})
	stop()
	<-done
	return heard.Load(), err
}

// takeTelemetry takes an answer to telemetry and says whether it knew it.
func (s *Session) takeTelemetry(data []byte) bool {
	f, err := decodeFrame(data)
	switch {
	case err != nil:
	case f.Type == "AckPublishMetric", f.Type == "AckPublishHealth", f.Type == "AckPublishInstanceStatus", f.Type == "HeartbeatMessage":
		return true
	default:
		s.Log.Debug("telemetry was answered", "type", f.Type, "message", string(f.Message))
	}
	s.ignored.Add(1)
	return false
}

// publish sends what tasks use, their health and the state of the machine, at once and at intervals.
func (s *Session) publish(ctx context.Context, l *link) {
	began := time.Now()
	for {
		now := time.Now()
		for _, m := range s.metricsMessages(now) {
			l.send(m)
		}
		if s.Health != nil {
			s.sendHealth(l, s.Health())
		}
		status := tcs.InstanceHealthcheckStatusOk
		if s.Healthy != nil && s.Healthy(ctx) != nil {
			status = tcs.InstanceHealthcheckStatusImpaired
		}
		l.send(&tcs.PublishInstanceStatusRequest{Timestamp: schema.At(now), Metadata: &tcs.InstanceStatusMetadata{
			Cluster: s.cluster(), ContainerInstance: s.instance(), RequestId: uuid.NewString()},
			Statuses: []tcs.InstanceStatus{{Type: "ContainerRuntime", Status: status, LastUpdated: schema.At(now), LastStatusChange: schema.At(began)}}})
		if !s.untilNext(ctx, l, spread(publishEvery)) {
			return
		}
	}
}

// signedConn puts before each frame what the protocol asks for there: the headers of a signed request.
type signedConn struct {
	conn
	session  *Session
	endpoint string
}

func (c *signedConn) Send(ctx context.Context, data []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoint, nil)
	if err != nil {
		return err
	}
	if err := c.session.Client.Sign(ctx, r, "ecs", data); err != nil {
		return err
	}
	r.Header.Set("Host", r.URL.Host)
	var b bytes.Buffer
	if err := r.Header.Write(&b); err != nil {
		return err
	}
	b.WriteString("\r\n")
	b.Write(data)
	return c.conn.Send(ctx, b.Bytes())
}
