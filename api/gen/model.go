package main

import (
	"fmt"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// model is an API model file: AWS's service-2.json without its prose.
type model struct {
	Metadata struct {
		APIVersion    string   `json:"apiVersion"`
		JSONVersion   string   `json:"jsonVersion"`
		Protocols     []string `json:"protocols"`
		Protocol      string   `json:"protocol"`
		ServiceID     string   `json:"serviceId"`
		Endpoint      string   `json:"endpointPrefix"`
		SigningName   string   `json:"signingName"`
		TargetPrefix  string   `json:"targetPrefix"`
		XMLNamespace  string   `json:"xmlNamespace"`
		SignatureName string   `json:"signatureVersion"`
	} `json:"metadata"`
	Operations map[string]operation `json:"operations"`
	Shapes     map[string]shape     `json:"shapes"`
}

type operation struct {
	HTTP struct {
		Method string `json:"method"`
		URI    string `json:"requestUri"`
		Status int    `json:"responseCode"`
	} `json:"http"`
	Input    *ref   `json:"input"`
	Output   *ref   `json:"output"`
	Errors   []ref  `json:"errors"`
	ReadOnly bool   `json:"readonly"`
	AuthType string `json:"authtype"`
}

// ref is a use of a shape: by a structure's member, a list, a map, an
// operation.
type ref struct {
	Shape           string `json:"shape"`
	Wrapper         string `json:"resultWrapper"`
	LocationName    string `json:"locationName"`
	QueryName       string `json:"queryName"`
	Location        string `json:"location"`
	Box             bool   `json:"box"`
	Flattened       bool   `json:"flattened"`
	XMLAttribute    bool   `json:"xmlAttribute"`
	Streaming       bool   `json:"streaming"`
	TimestampFormat string `json:"timestampFormat"`
}

type shape struct {
	Type      string       `json:"type"`
	Members   ordered[ref] `json:"members"`
	Required  []string     `json:"required"`
	Member    *ref         `json:"member"`
	Key       *ref         `json:"key"`
	Value     *ref         `json:"value"`
	Enum      []string     `json:"enum"`
	Min       *float64     `json:"min"`
	Max       *float64     `json:"max"`
	Pattern   string       `json:"pattern"`
	Box       bool         `json:"box"`
	Flattened bool         `json:"flattened"`
	Sensitive bool         `json:"sensitive"`
	Document  bool         `json:"document"`
	Payload   string       `json:"payload"`
	Exception bool         `json:"exception"`
	Fault     bool         `json:"fault"`
	Stream    bool         `json:"eventstream"`
	Format    string       `json:"timestampFormat"`
	Error     *struct {
		Code   string `json:"code"`
		Status int    `json:"httpStatusCode"`
	} `json:"error"`
}

// ordered is a JSON object whose members keep the order of the file: it is the
// order of the Go fields.
type ordered[T any] struct {
	names  []string
	byName map[string]T
}

func (o *ordered[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	o.byName = map[string]T{}
	for dec.PeekKind() != '}' {
		tok, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := tok.String()
		var v T
		if err := json.UnmarshalDecode(dec, &v); err != nil {
			return err
		}
		o.names = append(o.names, name)
		o.byName[name] = v
	}
	_, err := dec.ReadToken()
	return err
}

func readModel(path string) (*model, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := new(model)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("reading the model %s: %w", path, err)
	}
	return m, nil
}

// shape returns the shape of that name, or panics: a model that names a shape
// it does not have is broken.
func (m *model) shape(name string) shape {
	s, ok := m.Shapes[name]
	if !ok {
		panic("the model has no shape " + name)
	}
	return s
}
