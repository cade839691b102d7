package check

import (
	"context"
	"fmt"
	"slices"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// composeFile checks each setting of each service as the member of a task definition that asks ECS for the same. Settings for
// which ECS has no member are told too.
func composeFile(ctx context.Context, api API, text []byte, dir string) ([]Finding, error) {
	values, err := variables(dir)
	if err != nil {
		return nil, err
	}
	project, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir: dir, ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: text}}, Environment: values,
	}, func(o *loader.Options) {
		o.SetProjectName("check", true)
		o.Interpolate.Substitute = substitute
		o.SkipResolveEnvironment, o.SkipResolveLabels = true, true
		o.Profiles = []string{"*"}
	})
	if err != nil {
		return nil, fmt.Errorf("it is not a compose file that Docker would take: %w", err)
	}
	var found []Finding
	for _, name := range project.ServiceNames() {
		of, err := service(api, project.Services[name])
		if err != nil {
			return nil, err
		}
		found = append(found, of...)
	}
	return found, nil
}

// service checks the settings of a service one by one, each beside nothing but what every task definition has.
func service(api API, s types.ServiceConfig) (found []Finding, err error) {
	given, err := settingsOf(s)
	if err != nil {
		return nil, err
	}
	at := "services." + s.Name
	usual := examine(api, request(s))
	for _, key := range given {
		i := slices.IndexFunc(settings, func(x setting) bool { return x.key == key })
		if i < 0 {
			found = append(found, Finding{wire.Ignored, at + "." + key, "ecs RegisterTaskDefinition", "a task definition has no such setting"})
			continue
		}
		r := request(s)
		if settings[i].put != nil {
			settings[i].put(s, r, &r.ContainerDefinitions[0])
		}
		examined := slices.DeleteFunc(examine(api, r), func(f wire.Finding) bool { return slices.Contains(usual, f) })
		refused := slices.ContainsFunc(examined, func(f wire.Finding) bool { return f.Severity == wire.Refused })
		for _, f := range examined {
			of := Finding{f.Severity, at + "." + key, f.Operation, f.Why}
			if refused && f.Severity == wire.Differs || slices.Contains(found, of) { // how it would be done does not matter then
				continue
			}
			found = append(found, of)
		}
		if settings[i].differs != "" {
			found = append(found, Finding{wire.Differs, at + "." + key, "ecs RegisterTaskDefinition", settings[i].differs})
		}
	}
	return found, nil
}

// settingsOf lists the names of the settings that a service has, sorted.
func settingsOf(s types.ServiceConfig) ([]string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("the service %s: %w", s.Name, err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("the service %s: %w", s.Name, err)
	}
	var names []string
	for name, value := range members {
		if !empty(value) && value != 0.0 && value != false {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// request is a task definition with one container of which nothing is said yet.
func request(s types.ServiceConfig) *ecs.RegisterTaskDefinitionRequest {
	return &ecs.RegisterTaskDefinitionRequest{
		Family: "check", NetworkMode: ecs.NetworkModeAwsvpc, Memory: "512",
		ContainerDefinitions: []ecs.ContainerDefinition{{Name: s.Name}},
	}
}

func examine(api API, r *ecs.RegisterTaskDefinitionRequest) []wire.Finding {
	text, err := json.Marshal(r)
	if err != nil {
		panic("check: a task definition can't be written: " + err.Error())
	}
	return api.Examine(ecs.API.Package, ecs.RegisterTaskDefinition.Name, text, true)
}
