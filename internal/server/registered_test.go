package server

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/check"
	"github.com/berth-dev/berth/internal/wire/client"
)

// TestTheCheckSaysWhatTheServerSays checks task definitions, and registers them: what is found to be refused or invalid is, and
// nothing else.
func TestTheCheckSaysWhatTheServerSays(t *testing.T) {
	w := start(t)
	c := w.as(w.keys.Dev(), "")
	examples, err := filepath.Glob("../../examples/*/task-definition.json")
	typical, _ := filepath.Glob("testdata/typical/*.json") // what the console, a module of Terraform and AWS's pages write
	if err != nil || len(examples) == 0 || len(typical) == 0 {
		t.Fatal(err)
	}
	examples = append(examples, typical...)
	definitions := map[string][]byte{}
	for _, name := range examples {
		if definitions[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, with := range map[string]string{
		"plain": ``, "a mesh": `,"proxyConfiguration":{"containerName":"app"}`, "Windows": `,"runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}`,
		"unknown": `,"colour":"red"`, "a bad size": `,"cpu":"7","requiresCompatibilities":["FARGATE"]`, "no such mode": `,"pidMode":"fast"`, "a number": `,"cpu":256`,
		"managed instances": `,"requiresCompatibilities":["MANAGED_INSTANCES"]`, "fault injection": `,"enableFaultInjection":true`,
	} {
		definitions[name] = []byte(`{"family":"web","networkMode":"awsvpc","containerDefinitions":[{"name":"app","image":"berth/hello","memory":64}]` + with + `}`)
	}
	stops := 0
	for name, text := range definitions {
		report, err := check.File(t.Context(), Registered(), text, ".")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err = client.Call(t.Context(), c, schema.Op[jsontext.Value, jsontext.Value]{Service: &ecs.API, Name: "RegisterTaskDefinition"}, (*jsontext.Value)(&text))
		var answered *client.Error
		if refused := errors.As(err, &answered); refused != (report.Stops() > 0) || err != nil && !refused {
			t.Errorf("%s: the server answers %v, and the check says\n%+v", name, err, report.Findings)
		}
		if report.Stops() > 0 {
			stops++
		} else if bytes.Contains(text, []byte("colour")) && len(report.Findings) == 0 {
			t.Errorf("%s: nothing is said of it", name)
		}
	}
	if stops == 0 || stops > len(definitions)-len(examples) {
		t.Errorf("%d of %d would be refused, of which %d are the examples", stops, len(definitions), len(examples))
	}
}
