// Package compatibility keeps docs/compatibility.md: it makes the page of what the assembled control plane says of
// itself, and asks that control plane for everything that the page says is refused, and for everything that it says is done.
package compatibility

import (
	"context"
	"errors"
	"flag"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/plane"
)

var update = flag.Bool("update", false, "write docs/compatibility.md anew")

func TestThePageSaysWhatTheCodeDoes(t *testing.T) {
	s, _ := plane.Start(t)
	const file = "../../docs/compatibility.md"
	want := page(s.Wire.Operations())
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || string(have) != want {
		t.Errorf("docs/compatibility.md is not what the code does (%v): run `go test ./test/compatibility -update` and look at git diff", err)
	}
}

// TestTheControlPlaneDoesWhatThePageSays sets each parameter, one at a time.
func TestTheControlPlaneDoesWhatThePageSays(t *testing.T) {
	s, key := plane.Start(t)
	http := httptest.NewServer(s.Wire)
	defer http.Close()
	c := client.New(http.URL, client.Static(key.ID, key.Secret, ""), "us-east-1")
	c.Attempts = 1
	operations, valid := s.Wire.Operations(), validInputs(t)
	for _, api := range []*schema.Service{&ecs.API, &logs.API, &acm.API, &secretsmanager.API, &ssm.API} {
		for _, op := range operations {
			if op.Service != api.Package {
				continue
			}
			if !op.Built {
				if code, message := call(t, c, api, op.Name, map[string]any{}); code != op.Error {
					t.Errorf("%s answers %s: %s; the page says %s", op.Name, code, message, op.Error)
				}
				continue
			}
			sampler := newSampler(t, api, op)
			for _, m := range flat(op.Members) {
				if len(m.Members) > 0 { // its members are asked about
					continue
				}
				in := valid[op.Name].input(sampler.with(m.Path), m.Path)
				code, message := call(t, c, api, op.Name, in)
				refused := strings.Contains(message, " is not supported by Berth yet: ")
				inVain := m.Error == "" && code != "" && valid[op.Name].taken(m.Path)
				if m.Error == "" && refused || inVain || m.Error != "" && (code != m.Error || !refused || !strings.Contains(message, strings.TrimSuffix(m.Why, "."))) {
					t.Errorf("%s with %s answers %s: %s; the page says: %s\n%v", op.Name, m.Path, code, message, verdict(m), in)
				}
			}
		}
	}
}

// call calls an operation with any input, and returns the code and message of the error that it answers.
func call(t *testing.T, c *client.Client, api *schema.Service, name string, in any) (code, message string) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = client.Call(ctx, c, schema.Op[jsontext.Value, jsontext.Value]{Service: api, Name: name}, (*jsontext.Value)(&body))
	var answered *client.Error
	switch {
	case err == nil:
		return "", ""
	case !errors.As(err, &answered):
		t.Fatalf("%s: %v", name, err)
	case answered.Status >= 500:
		t.Errorf("%s with %s: %v", name, body, err)
	}
	return answered.Code, answered.Message
}
