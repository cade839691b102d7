package definition

import (
	"strings"
	"testing"
)

// What clients of before the newest model cannot ask for.
func TestDevicesThatAreShared(t *testing.T) {
	const shared = `{"type": "GPU", "sharingStrategy": {"nvidiaMps": {"memory": 64}}}`
	of := func(task string, needs ...string) string {
		var all []string
		for i, need := range needs {
			all = append(all, `{"name": "c`+string(rune('0'+i))+`", "image": "i", "memory": 64, "resourceRequirements": [`+need+`]}`)
		}
		return `{"family": "f", ` + task + `"containerDefinitions": [` + strings.Join(all, ", ") + `]}`
	}
	for in, want := range map[string]string{
		of("", `{"type": "GPU", "value": "1", "sharingStrategy": {"nvidiaMps": {"memory": 64}}}`):            "has both 'value' and 'sharingStrategy'",
		of("", `{"type": "GPU", "sharingStrategy": {}}`):                                                     "should not be empty",
		of("", `{"type": "GPU", "sharingStrategy": {"nvidiaMps": {"memory": 0}}}`):                           "at least 1 MiB",
		of("", `{"type": "GPU", "sharingStrategy": {"nvidiaMps": {"memory": 1, "maxComputePercent": 101}}}`): "between 1 and 100",
		of("", shared, `{"type": "GPU", "value": "1"}`):                                                      "must all use the same sharing option",
		of("", `{"type": "NeuronDevice", "value": "ALL"}`, `{"type": "NeuronDevice", "value": "ALL"}`):       "Only one container",
		of(`"requiresCompatibilities": ["EXTERNAL"], `, shared):                                              "do not support GPU sharing",
		of("", shared, shared):                    "",
		of("", `{"type": "GPU", "value": "ALL"}`): "",
		of(`"networkMode": "host", "requiresCompatibilities": ["MANAGED_INSTANCES"], `, `{"type": "NeuronDevice", "value": "ALL"}`): "",
	} {
		err := Validate(read(t, in))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}
