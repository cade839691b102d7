package dispatch

import (
	"context"
	"log/slog"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// telemetry is one TCS connection of one instance. The health of containers reaches the control plane only here.
type telemetry struct {
	*link
	d   *Dispatcher
	key instanceKey
	log *slog.Logger
}

func newTelemetry(ctx context.Context, d *Dispatcher, c conn, row store.Row[ecs.Instance]) *telemetry {
	return &telemetry{link: newLink(ctx, c), d: d, key: instanceKey{row.Scope, row.ID},
		log: d.Log.With("instance", ecs.InstanceARN(row.Scope, row.Value.Cluster, row.ID), "socket", "telemetry")}
}

func (t *telemetry) run() {
	if err := t.d.telemetry.enter(t.key, t); err != nil {
		t.conn.Close(closeCode(errShutdown), err.Error())
		return
	}
	defer t.d.telemetry.leave(t.key, t)
	t.log.Debug("telemetry disconnected", "reason", t.serve(t.loop))
}

func (t *telemetry) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for t.ctx.Err() == nil {
		t.keepAlive(time.Now(), tcs.HeartbeatMessage{Healthy: true})
		timer.Reset(time.Until(t.due()))
		select {
		case <-t.ctx.Done():
		case data := <-t.frames:
			t.heard = time.Now()
			t.receive(data)
		case <-timer.C:
		}
	}
}

// receive acknowledges a frame once it has been taken in. Unacknowledged ones come again, twenty seconds newer.
func (t *telemetry) receive(data []byte) {
	f, err := decodeFrame(withoutHeaders(data))
	var ack any
	if err == nil {
		ack, err = t.take(f)
	}
	if err != nil {
		t.log.Debug("a frame was ignored", "type", f.Type, "error", err)
		return
	}
	if ack != nil {
		t.send(ack)
	}
}

// received is the text of every acknowledgement.
const received = "ok"

func (t *telemetry) take(f frame) (ack any, err error) {
	switch f.Type {
	case "PublishHealthRequest":
		m, err := message[tcs.PublishHealthRequest](f)
		if err != nil || m.Metadata == nil || !t.mine(m.Metadata.ContainerInstance) {
			return nil, err
		}
		for _, task := range m.Tasks {
			if err := t.health(task); err != nil {
				return nil, err
			}
		}
		return tcs.AckPublishHealth{Message: received}, nil
	case "PublishMetricsRequest":
		m, err := message[tcs.PublishMetricsRequest](f)
		if err != nil || m.Metadata == nil || !t.mine(m.Metadata.ContainerInstance) {
			return nil, err
		}
		t.measured(m.TaskMetrics, time.Now())
		return tcs.AckPublishMetric{Message: received}, nil
	case "PublishInstanceStatusRequest":
		m, err := message[tcs.PublishInstanceStatusRequest](f)
		if err != nil || m.Metadata == nil || !t.mine(m.Metadata.ContainerInstance) {
			return nil, err
		}
		if err := t.d.Observer.ApplyInstanceHealth(t.ctx, t.key.scope, t.key.instance, instanceHealth(m, time.Now().UTC())); err != nil {
			return nil, err
		}
		return tcs.AckPublishInstanceStatus{Message: received}, nil
	}
	return nil, nil
}

func (t *telemetry) mine(instance string) bool { return lastPart(instance) == t.key.instance }

// health passes on what has changed in the health of one of the instance's tasks.
func (t *telemetry) health(report tcs.TaskHealth) error {
	id := lastPart(report.TaskArn)
	row, known := t.d.Tables.Tasks.Get(t.key.scope, id)
	if !known || row.Value.Instance != t.key.instance {
		return nil
	}
	changed := map[string]ecs.HealthReport{}
	for _, c := range report.Containers {
		now := ecs.HealthReport{Status: api.HealthStatus(c.HealthStatus), Output: c.StatusMessage}
		was, ok := row.Value.Container(c.ContainerName)
		if ok && healths[now.Status] && now.IsNews(was) {
			changed[c.ContainerName] = now
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return t.d.Observer.ApplyHealth(t.ctx, t.key.scope, id, changed)
}

// instanceHealth is what a report says of the parts of a machine that ECS knows.
func instanceHealth(m tcs.PublishInstanceStatusRequest, now time.Time) (out []ecs.InstanceHealth) {
	for _, s := range m.Statuses {
		kind, known := instanceParts[s.Type]
		state := api.InstanceHealthCheckState(s.Status)
		if known && instanceStates[state] {
			out = append(out, ecs.InstanceHealth{Type: kind, Status: state, LastUpdated: now})
		}
	}
	return out
}

// instanceParts are the types of an agent's reports.
var instanceParts = map[string]api.InstanceHealthCheckType{
	"ContainerRuntime": api.InstanceHealthCheckTypeContainerRuntime, "AcceleratedCompute": api.InstanceHealthCheckTypeAcceleratedCompute,
	"Daemon": api.InstanceHealthCheckTypeDaemon, "EBSDaemon": api.InstanceHealthCheckTypeDaemon,
}

var instanceStates = map[api.InstanceHealthCheckState]bool{
	api.InstanceHealthCheckStateOk: true, api.InstanceHealthCheckStateImpaired: true,
	api.InstanceHealthCheckStateInsufficientData: true, api.InstanceHealthCheckStateInitializing: true,
}

var healths = map[api.HealthStatus]bool{
	api.HealthStatusHealthy: true, api.HealthStatusUnhealthy: true, api.HealthStatusUnknown: true,
}
