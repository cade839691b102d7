package firelens

import (
	"strings"
	"testing"
)

func router(kind string) Router {
	key := outputKey[kind]
	return Router{Type: kind, Listen: "127.0.0.1", Fields: map[string]string{"ecs_cluster": "default", "ecs_task_definition": "app:1"}, Include: "/extra.conf", Outputs: []Output{
		{Container: "web", Options: map[string]string{key: "http", "host": "h 1", "mode": "blocking", "log-driver-buffer-limit": "10", "exclude-pattern": "^GET /health"}, Secrets: map[string]string{"apikey": "apikey_0"}},
		{Container: "own", Options: map[string]string{"mode": "blocking"}},
	}}
}

func TestFluentBit(t *testing.T) {
	want := `[INPUT]
    Name forward
    unix_path /var/run/fluent.sock

[INPUT]
    Name forward
    Listen 127.0.0.1
    Port 24224

[INPUT]
    Name tcp
    Tag firelens-healthcheck
    Listen 127.0.0.1
    Port 8877

[FILTER]
    Name grep
    Match web-firelens*
    Exclude log ^GET /health

[FILTER]
    Name record_modifier
    Match *
    Record ecs_cluster default
    Record ecs_task_definition app:1

@INCLUDE /extra.conf

[OUTPUT]
    Name null
    Match firelens-healthcheck

[OUTPUT]
    Name http
    Match web-firelens*
    apikey ${apikey_0}
    host h 1

`
	if got, err := router("fluentbit").Configuration(); got != want || err != nil {
		t.Errorf("%s\n%v", got, err)
	}
}

func TestFluentd(t *testing.T) {
	got, err := router("fluentd").Configuration()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<source>\n    @type unix\n    path /var/run/fluent.sock\n</source>\n", "    @type forward\n    bind 127.0.0.1\n    port 24224\n",
		"<filter web-firelens**>\n    @type grep\n    <exclude>\n        key log\n        pattern ^GET /health\n    </exclude>\n</filter>\n",
		"    <record>\n        ecs_cluster default\n        ecs_task_definition app:1\n    </record>\n", "\n@include /extra.conf\n",
		"<match web-firelens**>\n    @type http\n    apikey \"#{ENV['apikey_0']}\"\n    host h 1\n</match>\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "own-firelens") {
		t.Errorf("a container without an output has one:\n%s", got)
	}
}

func TestWhatCannotBePartOfAConfiguration(t *testing.T) {
	for want, r := range map[string]Router{
		"missing output key Name which is required for firelens configuration of type fluentbit": {Type: "fluentbit", Outputs: []Output{{Container: "web", Options: map[string]string{"host": "h"}}}},
		"missing output key @type which is required for firelens configuration of type fluentd":  {Type: "fluentd", Outputs: []Output{{Container: "web", Secrets: map[string]string{"a": "a_0"}}}},
		"line breaks": {Type: "fluentbit", Outputs: []Output{{Container: "web", Options: map[string]string{"Name": "null\n[INPUT]\n    Name exec"}}}},
		"unsupported firelens configuration type vector": {Type: "vector"},
	} {
		if got, err := r.Configuration(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\n%s", want, err, got)
		}
	}
}
