package compatibility

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

//go:embed testdata/valid.json
var validText []byte

// valid makes the inputs of an operation such as AWS would take them, where the model alone does not say how. What Berth
// refuses is refused only of those: for others it answers AWS's own error.
type valid struct {
	With  map[string]any            `json:"with"`  // what every input has
	Asked map[string]map[string]any `json:"asked"` // what it has too when a member is asked about; null takes away
	Gone  []string                  `json:"gone"`  // members that AWS takes no more
}

func validInputs(t *testing.T) (of map[string]valid) {
	t.Helper()
	if err := json.Unmarshal(validText, &of, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
	return of
}

// input is a sample of the member at path in an input that is valid besides.
func (v valid) input(sample any, path string) any {
	if v.With == nil {
		return sample
	}
	return overlay(overlay(v.With, sample), v.Asked[path])
}

// taken tells whether AWS takes the member.
func (v valid) taken(path string) bool {
	member, _, _ := strings.Cut(path, ".")
	return v.With != nil && !slices.Contains(v.Gone, member)
}

// overlay lays over on top of an object or a list, member by member and item by item. null takes a member away.
func overlay(under, over any) any {
	switch o := over.(type) {
	case map[string]any:
		u, _ := under.(map[string]any)
		out := maps.Clone(u)
		if out == nil {
			out = map[string]any{}
		}
		for name, value := range o {
			if out[name] = overlay(out[name], value); value == nil {
				delete(out, name)
			}
		}
		return out
	case []any:
		u, _ := under.([]any)
		out := append([]any{}, u...)
		for i, value := range o {
			if i == len(out) {
				out = append(out, nil)
			}
			out[i] = overlay(out[i], value)
		}
		return out
	}
	return over
}
