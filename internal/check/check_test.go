package check_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/api/sts"
	"github.com/berth-dev/berth/internal/check"
	"github.com/berth-dev/berth/internal/wire"
)

// registered is a server that does a little of ECS, and has notes and refusals of every sort.
func registered() *wire.Server {
	s := wire.New(wire.Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	e := s.Service(&ecs.API)
	wire.Handle(e, ecs.RegisterTaskDefinition, nil,
		wire.Validate(func(r *ecs.RegisterTaskDefinitionRequest) error {
			if r.Family == "bad" {
				return wire.Errorf(ecs.ClientException, "A bad family.")
			}
			return nil
		}),
		wire.Refuse("networkMode", "no bridge", "awsvpc", "host", "none"),
		wire.Refuse("volumes", "no volumes"),
		wire.Refuse("placementConstraints", "no constraints"),
		wire.Refuse("proxyConfiguration", "no mesh"),
		wire.Refuse("runtimePlatform.operatingSystemFamily", "no Windows", "LINUX"),
		wire.Refuse("containerDefinitions.mountPoints", "no volumes"),
		wire.Refuse("containerDefinitions.secrets", "no secrets"),
		wire.Refuse("containerDefinitions.environmentFiles", "no files"),
		wire.Refuse("containerDefinitions.dependsOn", "no order"),
		wire.Refuse("containerDefinitions.healthCheck", "no checks"),
		wire.Refuse("containerDefinitions.restartPolicy.enabled", "no restarts"),
		wire.Refuse("containerDefinitions.resourceRequirements", "no GPUs"),
		wire.Refuse("containerDefinitions.logConfiguration.logDriver", "no drivers", "awslogs"),
		wire.RefuseWhere(func(r *ecs.RegisterTaskDefinitionRequest) []wire.Refusal {
			if r.NetworkMode == "" {
				return []wire.Refusal{{Where: "networkMode", Why: "it is absent"}}
			}
			return nil
		}),
		wire.Note("containerDefinitions.image", "pulled once"),
		wire.Note("containerDefinitions.logConfiguration.options", "some"))
	wire.Handle(e, ecs.CreateCluster, nil, wire.Refuse("settings.value", "no insights", "disabled"), wire.Note("", "clusters are small"))
	wire.Handle(e, ecs.DescribeTaskDefinition, nil)
	wire.Handle(e, ecs.PutClusterCapacityProviders, nil)
	wire.Handle(s.Service(&logs.API), logs.CreateLogGroup, nil)
	wire.Handle(s.Service(&sts.API), sts.GetCallerIdentity, nil)
	wire.Handle(s.Service(&ec2.API), ec2.DescribeAvailabilityZones, nil)
	return s
}

func lines(t *testing.T, r check.Report) (out []string) {
	t.Helper()
	for _, f := range r.Findings {
		out = append(out, strings.ReplaceAll(fmt.Sprintf("%s %s (%s): %s", f.Severity, f.Where, f.What, f.Why), " (ecs RegisterTaskDefinition)", ""))
	}
	return out
}

func TestFiles(t *testing.T) {
	for _, c := range []struct {
		name, file, text, kind string
		want                   []string
	}{
		{"what register-task-definition takes", "", `{"family":"web","networkMode":"awsvpc","containerDefinitions":[{"name":"a"},{"name":"b","secrets":[{"name":"x","valueFrom":"y"}],"colour":"red"}]}`,
			check.TaskDefinition, []string{"refused containerDefinitions[1].secrets: no secrets", "ignored containerDefinitions.colour: Berth's API model has no such parameter"}},
		{"what describe-task-definition answers", "described.json", "", check.TaskDefinition,
			[]string{"refused containerDefinitions[0].secrets: no secrets", "differs containerDefinitions[0].image: pulled once"}},
		{"without its envelope", "", `{"family":"web","networkMode":"none","revision":3,"status":"ACTIVE","compatibilities":["EC2"],"containerDefinitions":[]}`, check.TaskDefinition, nil},
		{"in YAML", "", "family: web\ncontainerDefinitions:\n  - name: a\n    image: b\n", check.TaskDefinition,
			[]string{"refused networkMode: it is absent", "differs containerDefinitions[0].image: pulled once"}},
		{"one that AWS would not take", "", `{"family":"bad","networkMode":"awsvpc","containerDefinitions":[]}`, check.TaskDefinition, []string{"invalid : A bad family."}},
		{"one of the wrong types", "", `{"family":"f","containerDefinitions":[{"cpu":"256"}]}`, check.TaskDefinition,
			[]string{"invalid : STRING_VALUE can not be converted to an Integer (at /containerDefinitions/0/cpu)"}},
		{"container definitions alone", "", `[{"name":"a","image":"b","cpu":null,"secrets":[{"name":"x","valueFrom":"y"}]},{"name":"b"}]`,
			check.Containers, []string{"refused containerDefinitions[0].secrets: no secrets", "differs containerDefinitions[0].image: pulled once"}},
		{"a compose file", "compose.yaml", "", check.Compose, []string{
			"refused services.db.env_file: no files", "refused services.db.healthcheck: no checks", "differs services.db.image: pulled once", "refused services.db.volumes: no volumes",
			"ignored services.web.blkio_config: a task definition has no such setting",
			"differs services.web.build: ECS builds no images: build it and bring it by `berth image import` or a registry",
			"refused services.web.depends_on: no order",
			"differs services.web.ports: in network mode awsvpc a task has an address of its own, and answers there at the container's own ports",
			"refused services.web.restart: no restarts", "refused services.web.secrets: no secrets"}},
		{"a compose file as JSON", "", `{"services":{"a":{"image":"i","network_mode":"bridge","platform":"windows/amd64","gpus":"all","logging":{"driver":"syslog"},"restart":"no"}}}`, check.Compose, []string{
			"refused services.a.gpus: no GPUs", "differs services.a.image: pulled once", "refused services.a.logging: no drivers", "refused services.a.network_mode: no bridge",
			"invalid services.a.platform: Value 'WINDOWS' at 'runtimePlatform.operatingSystemFamily' failed to satisfy constraint: ", "refused services.a.platform: no Windows"}},
		{"variables of a compose file", "", "version: '3.8'\nservices:\n  a:\n    image: \"${CHECKED_IMAGE}:${CHECKED_TAG:?say which}\"\n    ports: [\"${CHECKED_PORT?}:80\"]\n    environment: {URL: \"x:${CHECKED_NONE}\"}\n" +
			"    logging: {options: {max-size: 1m}}\n    network_mode: ${CHECKED_MODE:-bridge}\n", check.Compose, []string{
			"differs services.a.image: pulled once", "refused services.a.logging: no drivers", "refused services.a.network_mode: no bridge",
			"differs services.a.ports: in network mode awsvpc a task has an address of its own, and answers there at the container's own ports"}},
		{"a plan", "plan.json", "", check.Plan, []string{
			"refused aws_cloudwatch_log_group.shop (logs DescribeLogGroups): the operation is not built",
			"refused aws_cloudwatch_log_group.shop (logs ListTagsForResource): the operation is not built",
			"refused aws_cloudwatch_log_group.shop (logs PutRetentionPolicy): the operation is not built",
			"refused aws_cloudwatch_log_group.shop (logs DeleteLogGroup): the operation is not built",
			"refused aws_ecr_repository.batch (ecr): the service is not there",
			"refused aws_ecs_cluster.shop: settings[0].value (ecs CreateCluster): no insights",
			"differs aws_ecs_cluster.shop (ecs CreateCluster): clusters are small",
			"refused aws_ecs_cluster.shop (ecs DescribeClusters): the operation is not built",
			"refused aws_ecs_cluster.shop (ecs UpdateCluster): the operation is not built",
			"refused aws_ecs_cluster.shop (ecs DeleteCluster): the operation is not built",
			"refused aws_ecs_cluster_capacity_providers.shop (ecs DescribeClusters): the operation is not built",
			"refused aws_ecs_task_definition.batch: networkMode: no bridge",
			"refused aws_ecs_task_definition.batch: volumes: no volumes",
			"refused aws_ecs_task_definition.batch: placementConstraints: no constraints",
			"refused aws_ecs_task_definition.batch: proxyConfiguration: no mesh",
			"differs aws_ecs_task_definition.batch: container_definitions: it is known after the apply only, and was not checked",
			"refused aws_ecs_task_definition.batch (ecs DeregisterTaskDefinition): the operation is not built",
			"refused aws_ecs_task_definition.web: containerDefinitions[0].secrets: no secrets",
			"differs aws_ecs_task_definition.web: containerDefinitions[0].image: pulled once",
			"refused aws_ecs_task_definition.web (ecs DeregisterTaskDefinition): the operation is not built",
			"refused aws_iam_role.task (iam): the service is not there",
			"refused module.web.aws_ecs_service.this (ecs CreateService): the operation is not built",
			"refused module.web.aws_lb.this (elasticloadbalancing CreateLoadBalancer): the service is not there"}},
		{"a plan with a list that is required and empty", "", `{"planned_values":{"root_module":{"resources":[{"address":"aws_ecs_cluster_capacity_providers.c","mode":"managed","type":"aws_ecs_cluster_capacity_providers","values":{"cluster_name":"c","capacity_providers":["FARGATE"],"default_capacity_provider_strategy":[]}}]}}}`,
			check.Plan, []string{"refused aws_ecs_cluster_capacity_providers.c (ecs DescribeClusters): the operation is not built"}},
		{"a plan of nothing", "", `{"format_version":"1.2","planned_values":{"root_module":{}}}`, check.Plan, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := []byte(c.text)
			if c.file != "" {
				var err error
				if text, err = os.ReadFile(filepath.Join("testdata", c.file)); err != nil {
					t.Fatal(err)
				}
			}
			r, err := check.File(t.Context(), registered(), text, "testdata")
			got := lines(t, r)
			for i := range got {
				if i < len(c.want) && strings.HasSuffix(c.want[i], ": ") { // the rest is the model's
					got[i] = got[i][:min(len(got[i]), len(c.want[i]))]
				}
			}
			if err != nil || r.Kind != c.kind || !slices.Equal(got, c.want) {
				t.Errorf("%s %v\ngot  %s\nwant %s", r.Kind, err, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
			}
		})
	}
}

func TestFilesThatCanNotBeChecked(t *testing.T) {
	for text, want := range map[string]string{
		"": "it is empty", " \n": "it is empty", "{": "not valid JSON", "[]": "neither JSON nor YAML", "hello": "neither JSON nor YAML", `{"a":1}`: check.ErrUnknownKind.Error(),
		"a: [": "neither JSON nor YAML", "services: 7": "not a compose file that Docker would take", "services:\n  a:\n    imag: x\n": "not a compose file that Docker would take",
		`{"cluster":"c","taskDefinition":"web:1"}`: check.ErrUnknownKind.Error(), `[{"a":1}]`: "neither JSON nor YAML",
		`{"planned_values":7}`: "no plan as `terraform show -json` writes it", "\x00": "neither JSON nor YAML", "? {a: b}\n: c": "neither JSON nor YAML",
	} {
		if r, err := check.File(t.Context(), registered(), []byte(text), "testdata"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v %v, want %s", text, r, err, want)
		}
	}
	if _, err := check.File(t.Context(), registered(), []byte(`{}`), "."); !errors.Is(err, check.ErrUnknownKind) {
		t.Error(err)
	}
}

func TestOnlyWhatIsRefusedOrInvalidStops(t *testing.T) {
	r := check.Report{Findings: []check.Finding{{Severity: wire.Refused}, {Severity: wire.Differs}, {Severity: wire.Ignored}, {Severity: wire.Invalid}}}
	if r.Stops() != 2 {
		t.Errorf("%d stop", r.Stops())
	}
}

// FuzzFile holds that no file, whatever it is, does more than to be refused.
func FuzzFile(f *testing.F) {
	for _, name := range []string{"described.json", "compose.yaml", "plan.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"containerDefinitions":{},"taskDefinition":[]}`))
	f.Add([]byte(`{"planned_values":{"root_module":{"resources":[{"address":"a","mode":"managed","type":"aws_ecs_task_definition","values":{"volume":7,"container_definitions":"[","tags":[1]}}]}}}`))
	s := registered()
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := check.File(t.Context(), s, text, t.TempDir())
		if err != nil {
			return
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("what is said of it can't be written: %v", err)
		}
	})
}

func TestWhatTerraformNeedsIsInTheModels(t *testing.T) {
	models := map[string]*schema.Service{"ecs": &ecs.API, "logs": &logs.API, "ec2": &ec2.API, "sts": &sts.API,
		"elasticloadbalancing": &elbv2.API, "acm": &acm.API}
	for kind, needs := range check.Needs() {
		for _, n := range needs {
			service, operation, _ := strings.Cut(n, " ")
			api := models[service]
			if api == nil || !slices.ContainsFunc(api.Operations, func(o schema.Operation) bool { return o.Name == operation }) {
				t.Errorf("%s needs %s, which no model has", kind, n)
			}
		}
	}
}
