package errors

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// testcase is one call and what it answers, as testdata holds it.
type testcase struct {
	Name string `json:"name"` // a sentence

	Given []setup        `json:"given"` // calls that must succeed, made first
	Op    string         `json:"op"`
	Input jsontext.Value `json:"input"`

	// One of the two.
	Error  *want `json:"error"`
	Answer any   `json:"answer"` // what must be in the answer; see lacks

	file string
}

// setup is a call that a case needs made, or an agent that it needs connected.
type setup struct {
	Op    string         `json:"op"`
	Input jsontext.Value `json:"input"`
	Times int            `json:"times"` // ${n} counts them from 0; 0 is once

	// Connect, instead of an operation, connects the agent of the container instance with that ARN.
	Connect string `json:"connect"`
}

// want is an error: its code, and one of the others.
type want struct {
	Code            string `json:"code"`
	Message         string `json:"message"`
	MessageContains string `json:"messageContains"`
	MessageMatches  string `json:"messageMatches"` // a regular expression
}

// load reads the cases of every file of testdata.
func load(t *testing.T) (cases []testcase) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var of []testcase
		if err := json.Unmarshal(text, &of, json.RejectUnknownMembers(true)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		room := strings.TrimSuffix(filepath.Base(file), ".json")
		for _, c := range of {
			if c.file = room; c.Name == "" || c.Op == "" || (c.Error == nil) == (c.Answer == nil) {
				t.Fatalf("%s: %q needs a name, an op, and either an error or an answer", file, c.Name)
			}
			if e := c.Error; e != nil && (e.Code == "" || e.Message+e.MessageContains+e.MessageMatches == "") {
				t.Fatalf("%s: %q: an error needs a code and a message", file, c.Name)
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// variables are what ${name} stands for in a case; a path like 0.cluster.clusterArn reads the answer of a call before.
type variables struct {
	named   map[string]string
	answers []any
}

var (
	variable = regexp.MustCompile(`\$\{([^}]+)\}`)
	repeated = regexp.MustCompile(`^(.+)\*(\d+)$`)
)

// fill puts values in the place of variables, and of {"repeat": 3, "of": x} in a list three times x.
func (v *variables) fill(text jsontext.Value) (jsontext.Value, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return jsontext.Value("{}"), nil
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	filled, err := v.replace(value)
	if err != nil {
		return nil, err
	}
	return json.Marshal(filled)
}

func (v *variables) replace(value any) (_ any, err error) {
	switch x := value.(type) {
	case string:
		return v.expand(x)
	case map[string]any:
		out := map[string]any{}
		for key := range x {
			if out[key], err = v.replace(x[key]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		return v.list(x)
	}
	return value, nil
}

func (v *variables) list(items []any) ([]any, error) {
	out := []any{}
	for _, item := range items {
		m, _ := item.(map[string]any)
		times, repeated := m["repeat"].(float64)
		if !repeated {
			m, times = map[string]any{"of": item}, 1
		}
		for n := range int(times) {
			if repeated {
				v.named["n"] = strconv.Itoa(n)
			}
			filled, err := v.replace(m["of"])
			if err != nil {
				return nil, err
			}
			out = append(out, filled)
		}
	}
	return out, nil
}

// expand puts values in the place of a text's variables: ${region}, ${0.task.arn}, and ${x*129}, which is 129 times x.
func (v *variables) expand(text string) (string, error) {
	var unknown error
	out := variable.ReplaceAllStringFunc(text, func(name string) string {
		name = name[2 : len(name)-1]
		if value, ok := v.named[name]; ok {
			return value
		}
		if r := repeated.FindStringSubmatch(name); r != nil {
			n, _ := strconv.Atoi(r[2])
			return strings.Repeat(r[1], n)
		}
		value, ok := v.answered(name)
		if !ok {
			unknown = fmt.Errorf("${%s} stands for nothing", name)
		}
		return value
	})
	return out, unknown
}

// answered is what stands at a path of the answers: the number of the call, then names and numbers.
func (v *variables) answered(path string) (string, bool) {
	var at any = v.answers
	for step := range strings.SplitSeq(path, ".") {
		switch x := at.(type) {
		case map[string]any:
			at = x[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(x) {
				return "", false
			}
			at = x[n]
		default:
			return "", false
		}
	}
	if s, ok := at.(string); ok {
		return s, true
	}
	return fmt.Sprint(at), at != nil
}
