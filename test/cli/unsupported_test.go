package cli

import (
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/unsupported"
)

func TestWhatWasRefusedIsListedAfterARestart(t *testing.T) {
	data := place(t)
	dev(t, data)
	list := func(args ...string) call {
		return berth(t, append([]string{"--data-dir", data, "unsupported"}, args...)...)
	}
	if c := list(); c.code != 0 || !strings.HasPrefix(c.stdout, "since ") || !strings.Contains(c.stdout, "nothing was asked for") {
		t.Errorf("of nothing it says %s%s", c.stdout, c.stderr)
	}
	faulty := strings.Replace(job("faulty", "1", "1", "0"), "{", `{"colour":"red","enableFaultInjection":true,`, 1)
	berth(t, "--data-dir", data, "run", file(t, "faulty.json", faulty)).refused(t, 1, "enableFaultInjection", "is not supported by Berth yet")
	before := decode[unsupported.Record](t, list("--output", "json"))
	var refused bool
	for _, e := range before.Entries {
		refused = refused || e.Operation == "RegisterTaskDefinition" && e.Parameter == "enableFaultInjection" && e.Did == unsupported.Refused && e.Count > 0
	}
	if !refused {
		t.Errorf("it lists %+v", before)
	}
	berth(t, "--data-dir", data, "down")
	dev(t, data)
	if after := decode[unsupported.Record](t, list("--output", "json")); !after.Since.Equal(before.Since) || len(after.Entries) != len(before.Entries) {
		t.Errorf("after a restart it lists %+v\nbefore it %+v", after, before)
	}
	if c := list(); !strings.Contains(c.stdout, "fault injection") || !strings.Contains(c.stdout, "asked for since ") {
		t.Errorf("people see\n%s%s", c.stdout, c.stderr)
	}
	berth(t, "--data-dir", data, "reset")
	if left := decode[unsupported.Record](t, list("--output", "json")); len(left.Entries) != 0 || !left.Since.After(before.Since) {
		t.Errorf("after a reset it lists %+v", left)
	}
	list("everything").refused(t, 2, "one argument too many")
}
