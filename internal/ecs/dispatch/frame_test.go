package dispatch

import (
	"context"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/ecs"
)

var recordings = []string{"full-life-cycle.log", "external-mode.log", "restart-with-running-tasks.log", "run-then-killed.log"}

// Every member of every frame of Amazon's agent has a place in our types.
func TestRecordedFramesAreUnderstood(t *testing.T) {
	into := map[string]func() any{
		"AckRequest":                   func() any { return new(acs.AckRequest) },
		"HeartbeatAckRequest":          func() any { return new(acs.HeartbeatAckRequest) },
		"IAMRoleCredentialsAckRequest": func() any { return new(acs.IAMRoleCredentialsAckRequest) },
		"TaskStopVerificationMessage":  func() any { return new(acs.TaskStopVerificationMessage) },
		"PublishMetricsRequest":        func() any { return new(tcs.PublishMetricsRequest) },
		"PublishHealthRequest":         func() any { return new(tcs.PublishHealthRequest) },
		"PublishInstanceStatusRequest": func() any { return new(tcs.PublishInstanceStatusRequest) },
	}
	seen := map[string]int{}
	for _, name := range recordings {
		for _, kind := range []string{"ACS<-", "TCS<-"} {
			for _, data := range recorded(t, name, kind) {
				f, err := decodeFrame(withoutHeaders(data))
				if err != nil {
					t.Fatalf("%s: %v in %s", name, err, data)
				}
				seen[f.Type]++
				if m := into[f.Type]; m == nil {
					t.Errorf("%s: nobody expects a %s", name, f.Type)
				} else if err := json.Unmarshal(f.Message, m(), json.RejectUnknownMembers(true)); err != nil {
					t.Errorf("%s: %s: %v", name, f.Type, err)
				}
			}
		}
	}
	for kind := range into {
		if seen[kind] == 0 {
			t.Errorf("no recording has a %s", kind)
		}
	}
}

func TestFramesAreNamedByTheirShape(t *testing.T) {
	data, err := encodeFrame(acs.HeartbeatMessage{Healthy: true, MessageId: "hb-1"})
	if want := `{"type":"HeartbeatMessage","message":{"healthy":true,"messageId":"hb-1"}}`; err != nil || string(data) != want {
		t.Errorf("%s, %v", data, err)
	}
}

// fuzzed is a session and a telemetry session that nobody serves: frames are handed to them as they are.
func fuzzed(f *testing.F) (*session, *telemetry, *agent) {
	w := newWorld(f)
	w.run(id('a'))
	a := newAgent(f)
	a.out = make(chan []byte) // nobody listens: what is sent ends with the context below
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := newSession(ctx, w.Dispatcher, a, w.instance(), ecs.Agent{})
	s.manifest.message = "m-3"
	return s, newTelemetry(ctx, w.Dispatcher, a, w.instance()), a
}

func FuzzReceive(f *testing.F) {
	for _, name := range recordings {
		for _, data := range recorded(f, name, "ACS<-") {
			f.Add(data)
		}
	}
	s, _, _ := fuzzed(f)
	f.Fuzz(func(_ *testing.T, data []byte) { s.receive(data) })
}

func FuzzReceiveTelemetry(f *testing.F) {
	for _, name := range recordings {
		for _, data := range recorded(f, name, "TCS<-") {
			f.Add(data)
		}
	}
	_, t, _ := fuzzed(f)
	f.Fuzz(func(_ *testing.T, data []byte) { t.receive(data) })
}
