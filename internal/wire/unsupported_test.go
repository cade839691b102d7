package wire_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/unsupported"
	"github.com/berth-dev/berth/internal/wire"
)

// askAround sends what a server does not do, and what it does.
func askAround(t *testing.T, s *wire.Server) {
	definition := func(members string) string { return `{"family":"f","containerDefinitions":[` + members + `]}` }
	for _, c := range [][2]string{
		{"CreateCluster", `{"clusterName":"a","tags":[],"settings":null}`},
		{"CreateCluster", `{"clusterName":"a","future":{"secret":"hunter2"},"tags":[{"key":"k","Value":"hunter2"}]}`},
		{"CreateCluster", `{"future":"hunter2"}`},
		{"CreateCluster", `{"tags":[{"key":"!"}]}`},
		{"RegisterTaskDefinition", definition(`{"secrets":[{"name":"hunter2","valueFrom":"b"}]},{"secrets":[{"name":"a","valueFrom":"b"}]}`)},
		{"RegisterTaskDefinition", `{"family":"f","containerDefinitions":[],"requiresCompatibilities":["EC2","EXTERNAL"],"pidMode":"host"}`},
		{"RegisterTaskDefinition", `{"family":"f","containerDefinitions":[],"requiresCompatibilities":["hunter2"]}`},
		{"RegisterTaskDefinition", definition(`{"ulimits":[{"name":"hunter2","softLimit":1,"hardLimit":2}]}`)},
		{"CreateService", `{"serviceName":"hunter2"}`},
		{"MakeTea", `{}`},
	} {
		call(t, s, ecsTarget+c[0], c[1])
	}
	other := httptest.NewRequest("POST", "http://localhost/", strings.NewReader("{}"))
	other.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	rest := httptest.NewRequest("POST", "http://localhost/2015-03-31/functions/hunter2", strings.NewReader("{}"))
	form := httptest.NewRequest("POST", "http://localhost/", strings.NewReader("Action=DescribeVpcs&Version=2016-11-15&Colour=hunter2"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sign(t, other, "{}", testKey, testSecret, "", "secretsmanager", noon)
	sign(t, rest, "{}", testKey, testSecret, "", "lambda", noon)
	sign(t, form, "Action=DescribeVpcs&Version=2016-11-15&Colour=hunter2", testKey, testSecret, "", "ec2", noon)
	stranger := httptest.NewRequest("POST", "http://localhost/", strings.NewReader("{}"))
	stranger.Header.Set("X-Amz-Target", ecsTarget+"CreateTaskSet")
	sign(t, stranger, "{}", "AKIDSTRANGER", testSecret, "", "ecs", noon)
	nobody := httptest.NewRequest("GET", "http://localhost/bucket", nil)
	sign(t, nobody, "", testKey, "a wrong secret", "", "s3", noon)
	for _, r := range []*http.Request{other, rest, form, stranger, nobody} {
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestWhatIsNotDoneIsRecordedAndToldOnce(t *testing.T) {
	var log bytes.Buffer
	s := newServer(atNoon)
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	askAround(t, s)
	askAround(t, s)
	record := s.NotDone()
	got := map[string]int64{}
	for _, e := range record.Entries {
		name := fmt.Sprint(e.Did, " ", e.Service, " ", e.Operation)
		if e.Parameter != "" {
			name += " " + e.Parameter
		}
		if e.Value != "" {
			name += "=" + e.Value
		}
		got[name] = e.Count
		if e.First != noon || e.Last != noon || e.Why == "" {
			t.Errorf("%+v", e)
		}
	}
	want := map[string]int64{
		"ignored ecs CreateCluster future": 4, "ignored ecs CreateCluster tags.Value": 2,
		"refused ecs RegisterTaskDefinition containerDefinitions.secrets":      4,
		"refused ecs RegisterTaskDefinition requiresCompatibilities=EXTERNAL":  2,
		"refused ecs RegisterTaskDefinition pidMode=host":                      2,
		"refused ecs RegisterTaskDefinition requiresCompatibilities":           2,
		"refused ecs RegisterTaskDefinition containerDefinitions.ulimits.name": 2,
		"refused ecs CreateService":                                            2, "refused ecs MakeTea": 2, "refused secretsmanager GetSecretValue": 2, "refused lambda ": 2,
		"ignored ec2 DescribeVpcs Colour": 2,
	}
	for name, count := range want {
		if got[name] != count {
			t.Errorf("%s: %d times, want %d", name, got[name], count)
		}
		delete(got, name)
	}
	if len(got) > 0 || record.Since != noon {
		t.Errorf("recorded besides: %v, since %v", got, record.Since)
	}
	if lines := strings.Count(log.String(), "asked for what Berth does not do"); lines != len(want) {
		t.Errorf("%d lines are logged, want %d:\n%s", lines, len(want), &log)
	}
	if strings.Contains(log.String(), "hunter2") || strings.Contains(fmt.Sprint(record), "hunter2") {
		t.Errorf("a value is told:\n%s", &log)
	}
}

func TestWhatIsDoneByNowIsNotListed(t *testing.T) {
	earlier := unsupported.New(noon)
	for asked, did := range map[unsupported.Asked]string{
		{Service: "ecs", Operation: "CreateCluster"}:                                                                 unsupported.Refused,
		{Service: "ecs", Operation: "CreateCluster", Parameter: "settings.name"}:                                     unsupported.Ignored,
		{Service: "ecs", Operation: "RegisterTaskDefinition", Parameter: "networkMode", Value: "awsvpc"}:             unsupported.Refused,
		{Service: "ecs", Operation: "RegisterTaskDefinition", Parameter: "volumes"}:                                  unsupported.Refused,
		{Service: "ecs", Operation: "RegisterTaskDefinition", Parameter: "requiresCompatibilities", Value: "EC2"}:    unsupported.Refused,
		{Service: "ecs", Operation: "RegisterTaskDefinition", Parameter: "requiresCompatibilities", Value: "remain"}: unsupported.Refused,
		{Service: "ecs", Operation: "RegisterTaskDefinition", Parameter: "networkMode", Value: ""}:                   unsupported.Refused,
		{Service: "ecs", Operation: "RegisterTaskDefinition", Parameter: "proxyConfiguration"}:                       unsupported.Ignored,
		{Service: "ecs", Operation: "RegisterTaskDefinition", Parameter: "remains"}:                                  unsupported.Ignored,
		{Service: "ecs", Operation: "CreateTaskSet"}:                                                                 unsupported.Refused,
		{Service: "s3"}: unsupported.Refused,
	} {
		earlier.Add(unsupported.Entry{Asked: asked, Did: did}, noon.Add(-time.Hour))
	}
	s := newServer(atNoon)
	s.Unsupported = earlier
	var left []string
	for _, e := range s.NotDone().Entries {
		left = append(left, strings.TrimSpace(strings.Join([]string{e.Service, e.Operation, e.Parameter, e.Value}, " ")))
	}
	const want = "ecs CreateTaskSet|ecs RegisterTaskDefinition networkMode|ecs RegisterTaskDefinition proxyConfiguration|" +
		"ecs RegisterTaskDefinition remains|ecs RegisterTaskDefinition requiresCompatibilities remain|s3"
	if got := strings.Join(left, "|"); got != want {
		t.Errorf("left:\n%s\nwant:\n%s", got, want)
	}
}

func TestWhatIsRefusedByMoreThanItsPathIsListed(t *testing.T) {
	s := wire.New(wire.Config{Credentials: oneKey{}, Log: quiet, Now: atNoon})
	wire.Handle(s.Service(&ecs.API), ecs.PutAccountSetting, func(context.Context, *ecs.PutAccountSettingRequest) (*ecs.PutAccountSettingResponse, error) {
		return &ecs.PutAccountSettingResponse{}, nil
	}, wire.RefuseWhere(func(in *ecs.PutAccountSettingRequest) (found []wire.Refusal) {
		if in.Value == "enhanced" || in.Value == "enabled" {
			found = append(found, wire.Refusal{Where: "value", Why: "there are no metrics", Value: in.Value})
		}
		return found
	}))
	for _, value := range []string{"enhanced", "disabled", "enabled", "enhanced"} {
		call(t, s, ecsTarget+"PutAccountSetting", `{"name":"containerInsights","value":"`+value+`"}`)
	}
	left := map[string]int64{}
	for _, e := range s.NotDone().Entries {
		left[e.Parameter+"="+e.Value+": "+e.Why] = e.Count
	}
	if want := map[string]int64{"value=enhanced: there are no metrics": 2, "value=enabled: there are no metrics": 1}; !maps.Equal(left, want) {
		t.Errorf("listed: %v", left)
	}
}
