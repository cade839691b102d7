package hook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const function = "arn:aws:lambda:us-east-1:000000000000:function:check"

func TestHooksAreAskedAndUnderstood(t *testing.T) {
	for _, c := range []struct {
		name, says string
		code       int
		header     string
		want       Answer
		again      bool // it could not be asked
	}{
		{name: "succeeds", says: `{"hookStatus":"SUCCEEDED"}`, want: Answer{Status: Succeeded, After: delay}},
		{name: "fails", says: `{"hookStatus":"FAILED"}`, want: Answer{Status: Failed, After: delay}},
		{name: "is not done", says: `{"hookStatus":"IN_PROGRESS","callBackDelay":5,"hookDetails":{"n":1}}`,
			want: Answer{Status: InProgress, After: 5 * time.Second, Details: jsontext.Value(`{"n":1}`)}},
		{name: "wants to be called at once", says: `{"hookStatus":"IN_PROGRESS","callBackDelay":-3}`, want: Answer{Status: InProgress, After: time.Second}},
		{name: "says nothing", says: `{}`, want: Answer{Status: Failed, After: delay}},
		{name: "is no JSON", says: `ok`, want: Answer{Status: Failed}},
		{name: "raises", says: `{"errorMessage":"boom"}`, header: "Unhandled", want: Answer{Status: Failed}},
		{name: "is not there", code: http.StatusNotFound, want: Answer{Status: Failed}},
		{name: "is throttled", code: http.StatusTooManyRequests, again: true},
		{name: "is down", code: http.StatusBadGateway, again: true},
		{name: "sends elsewhere", code: http.StatusFound, want: Answer{Status: Failed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var path string
			var got Event
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				path = r.URL.EscapedPath()
				if err := json.UnmarshalRead(r.Body, &got); err != nil {
					t.Error(err)
				}
				if c.header != "" {
					w.Header().Set("X-Amz-Function-Error", c.header)
				}
				if c.code != 0 {
					w.WriteHeader(c.code)
				}
				io.WriteString(w, c.says)
			}))
			defer server.Close()
			caller := &Caller{Lambda: server.URL + "/"}
			event := Event{ExecutionID: "e", LifecycleStage: "PRE_SCALE_UP", ResourceARN: "arn", HookDetails: jsontext.Value(`{"k":"v"}`),
				ExecutionDetails: Details{ServiceARN: "s", ProductionTrafficWeights: map[string]float64{"r": 100}}}
			a, err := caller.Call(t.Context(), function, event)
			if (err != nil) != c.again || !c.again && (a.Status != c.want.Status || a.After != c.want.After || string(a.Details) != string(c.want.Details)) {
				t.Errorf("it answers %+v, %v; want %+v", a, err, c.want)
			}
			if want := "/2015-03-31/functions/" + function + "/invocations"; path != want {
				t.Errorf("it was asked at %s, want %s", path, want)
			}
			if got.LifecycleStage != "PRE_SCALE_UP" || string(got.HookDetails) != `{"k":"v"}` {
				t.Errorf("it was asked %+v", got)
			}
		})
	}
}

func TestTargetsThatCanBeCalled(t *testing.T) {
	with, without := &Caller{Lambda: "http://127.0.0.1:9001"}, &Caller{}
	for _, c := range []struct {
		target        string
		with, without bool
	}{
		{function, true, false},
		{"http://127.0.0.1:1/hook", true, true},
		{"https://example.com/hook?a=b", true, true},
		{"file:///etc/passwd", false, false},
		{"arn:aws:sns:us-east-1:000000000000:topic", false, false},
		{"", false, false},
	} {
		if got := with.Check(c.target); (got == nil) != c.with || got != nil && !errors.Is(got, ErrUnknownTarget) {
			t.Errorf("with an endpoint: %s: %v", c.target, got)
		}
		if got := without.Check(c.target); (got == nil) != c.without {
			t.Errorf("without an endpoint: %s: %v", c.target, got)
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&Caller{}).Call(ctx, "http://127.0.0.1:1/", Event{}); err == nil {
		t.Error("there is no error")
	}
}
