package splunk

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// event is what the collector takes, one after the other.
type event struct {
	Event      any    `json:"event"`
	Time       string `json:"time"` // seconds
	Host       string `json:"host"`
	Source     string `json:"source,omitzero"`
	SourceType string `json:"sourcetype,omitzero"`
	Index      string `json:"index,omitzero"`
}

// line is an event in the formats inline and json.
type line struct {
	Line   any               `json:"line"`
	Source string            `json:"source"` // the stream
	Tag    string            `json:"tag,omitzero"`
	Attrs  map[string]string `json:"attrs,omitzero"`
}

func (s *sink) encode(to *bytes.Buffer, e logdriver.Event) error {
	out := event{Time: fmt.Sprintf("%f", float64(e.Time.UnixMicro())/1e6), Host: s.host, Source: s.source, SourceType: s.sourceType, Index: s.index}
	switch s.format {
	case "raw":
		out.Event = s.prefix() + e.Text
	default:
		l := line{Line: e.Text, Source: e.Stream.String(), Tag: s.tag}
		if len(s.attributes) > 0 {
			l.Attrs = s.attributes
		}
		if text := jsontext.Value(e.Text); s.format == "json" && text.IsValid() {
			l.Line = text
		}
		out.Event = l
	}
	return json.MarshalWrite(to, out, json.Deterministic(true))
}

// prefix is what comes before a raw line: the tag, and the attributes.
func (s *sink) prefix() string {
	var words strings.Builder
	if s.tag != "" {
		words.WriteString(s.tag + " ")
	}
	for _, name := range slices.Sorted(maps.Keys(s.attributes)) {
		words.WriteString(name + "=" + s.attributes[name] + " ")
	}
	return words.String()
}
