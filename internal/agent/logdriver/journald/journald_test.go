package journald

import (
	"errors"
	"maps"
	"testing"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/berth-dev/berth/internal/agent/logdriver/logdrivertest"
)

func TestEntriesAreThoseOfDocker(t *testing.T) {
	type entry struct {
		text     string
		priority journal.Priority
		fields   map[string]string
	}
	var got []entry
	var full error
	d := &Driver{Enabled: func() bool { return true }, Write: func(text string, priority journal.Priority, fields map[string]string) error {
		if full == nil {
			got = append(got, entry{text, priority, maps.Clone(fields)})
		}
		return full
	}}
	s := logdrivertest.Source("journald", map[string]string{"tag": "{{.Name}}", "labels": "team"})
	logdrivertest.Send(t, d, s, logdrivertest.Batch("one", "!two"))
	want := map[string]string{"CONTAINER_ID": "0123456789ab", "CONTAINER_ID_FULL": "0123456789abcdef0123456789abcdef", "CONTAINER_NAME": "ecs-app-1-web-0123",
		"CONTAINER_TAG": "ecs-app-1-web-0123", "SYSLOG_IDENTIFIER": "ecs-app-1-web-0123", "IMAGE_NAME": "busybox:1", "TEAM": "web",
		"SYSLOG_TIMESTAMP": "2026-05-04T03:02:01.123456789Z"}
	if len(got) != 2 || got[0].text != "one" || got[0].priority != journal.PriInfo || got[1].priority != journal.PriErr || !maps.Equal(got[0].fields, want) {
		t.Errorf("%+v", got)
	}
	full = errors.New("no space left on device")
	sink, err := d.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := sink.Send(t.Context(), logdrivertest.Batch("three")); n != 0 || !errors.Is(err, full) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestAMachineWithoutAJournal(t *testing.T) {
	d := &Driver{Enabled: func() bool { return false }}
	err := d.Prepare(t.Context(), logdrivertest.Source("journald", nil))
	if err == nil || err.Error() != "failed to initialize logging driver: journald is not enabled on this host" {
		t.Error(err)
	}
	err = d.Prepare(t.Context(), logdrivertest.Source("journald", map[string]string{"colour": "red"}))
	if err == nil || err.Error() != "unknown log opt 'colour' for journald log driver" {
		t.Error(err)
	}
}

func TestNamesOfFields(t *testing.T) {
	for name, want := range map[string]string{"com.example.Team-1": "COM_EXAMPLE_TEAM_1", "__x": "X", "é": ""} {
		if got := fieldName(name); got != want {
			t.Errorf("%s becomes %s", name, got)
		}
	}
}
