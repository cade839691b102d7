package jsonfile

import (
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// record is a line of a file, as Docker writes it.
type record struct {
	Log    string            `json:"log"`
	Stream string            `json:"stream"`
	Attrs  map[string]string `json:"attrs,omitzero"`
	Time   time.Time         `json:"time"`
}

func encode(e logdriver.Event, attributes map[string]string) ([]byte, error) {
	r := record{Log: e.Text + "\n", Stream: e.Stream.String(), Time: e.Time.UTC()}
	if len(attributes) > 0 {
		r.Attrs = attributes
	}
	text, err := json.Marshal(r, json.Deterministic(true))
	return append(text, '\n'), err
}
