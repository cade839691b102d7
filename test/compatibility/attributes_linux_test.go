package compatibility

import (
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent"
	"github.com/berth-dev/berth/internal/agent/engine/native"
	"github.com/berth-dev/berth/internal/wire"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/plane"
)

// What a definition that Berth registers asks of an instance, Berth's agent has: else its tasks would find no place.
func TestAgentsHaveTheAttributesThatDefinitionsAskFor(t *testing.T) {
	info, err := new(native.Engine).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, a := range agent.Attributes("machine", agent.Identity{}, info) {
		has[a.Name] = true
	}
	s, key := plane.Start(t)
	http := httptest.NewServer(s.Wire)
	defer http.Close()
	c := client.New(http.URL, client.Static(key.ID, key.Secret, ""), "us-east-1")
	operations := s.Wire.Operations()
	i := slices.IndexFunc(operations, func(op wire.OperationInfo) bool { return op.Service == "ecs" && op.Name == "RegisterTaskDefinition" })
	sampler, valid := newSampler(t, &ecs.API, operations[i]), validInputs(t)["RegisterTaskDefinition"]
	asked := 0
	for _, m := range flat(operations[i].Members) {
		if m.Error != "" || !valid.taken(m.Path) {
			continue
		}
		text, err := json.Marshal(valid.input(sampler.with(m.Path), m.Path))
		var in ecs.RegisterTaskDefinitionRequest
		if err == nil {
			err = json.Unmarshal(text, &in)
		}
		if err != nil {
			t.Fatal(err)
		}
		in.ContainerDefinitions[0].Image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/i"
		out, err := client.Call(t.Context(), c, ecs.RegisterTaskDefinition, &in)
		if err != nil {
			continue // see the test of the page
		}
		for _, a := range out.TaskDefinition.RequiresAttributes {
			if asked++; !has[a.Name] {
				t.Errorf("with %s a definition asks for %s, which the agent does not have", m.Path, a.Name)
			}
		}
	}
	if asked < 50 {
		t.Errorf("only %d attributes were asked for", asked)
	}
}
