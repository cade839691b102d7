// Package errors asks the assembled control plane, over the wire, for errors and other answers that clients match, with the
// official Go SDK and with boto3. The cases are data: testdata/<room>.json, and a new one needs no code. A case is
//
//	{"name":  "a cluster that is not there",
//	 "given": [{"op": "CreateCluster", "input": {"clusterName": "c"}}],
//	 "op":    "DeleteCluster", "input": {"cluster": "x"},
//	 "error": {"code": "ClusterNotFoundException", "message": "Cluster not found."}}
//
// with messageContains or messageMatches (a regular expression) where a text is not all AWS's, or with "answer" in place
// of "error": what must be in the answer (null: must be absent). What is given must succeed; every case has a region to
// itself, once for each client. In texts ${account}, ${region} and ${id} (32 digits that name nothing) have values;
// ${subnet} is one of the default VPC's; ${x*129} is 129 times x; ${0.task.taskArn} stands in the answer of the first call
// given. {"repeat": 11, "of": x} in a list is eleven times x, with ${n} counting; "times" makes a given call as often.
// {"connect": "${0.containerInstance.containerInstanceArn}"} in given connects an instance's agent, so that it gets tasks.
package errors

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	ecsapi "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/test/plane"
)

// answer is what a client made of the answer to a call.
type answer struct {
	Code    string `json:"code"` // of the error; empty: none
	Message string `json:"message"`
	Output  any    `json:"output"`
}

// call is one call for a client to make.
type call struct {
	Region string         `json:"region"`
	Op     string         `json:"op"`
	Input  jsontext.Value `json:"input"`
}

// caller makes calls with one client, and returns their answers in the same order.
type caller func(t *testing.T, endpoint string, key iam.Key, calls []call) []answer

func TestTheGoSDKIsAnswered(t *testing.T) { answered(t, withGoSDK) }

func TestBoto3IsAnswered(t *testing.T) { answered(t, withBoto3) }

func answered(t *testing.T, ask caller) {
	s, key := plane.Start(t)
	http := httptest.NewServer(s.Wire)
	defer http.Close()
	w := &world{t: t, server: s, endpoint: http.URL, key: key}
	var cases []testcase
	var calls []call
	var known []*variables
	for i, c := range load(t) {
		region := "test-east-" + strconv.Itoa(i+1)
		v, err := w.prepare(c, region)
		var in jsontext.Value
		if err == nil {
			in, err = v.fill(c.Input)
		}
		if err != nil {
			t.Errorf("%s/%s: %v", c.file, c.Name, err)
			continue
		}
		cases, known, calls = append(cases, c), append(known, v), append(calls, call{Region: region, Op: c.Op, Input: in})
	}
	for i, a := range ask(t, http.URL, key, calls) {
		t.Run(cases[i].file+"/"+cases[i].Name, func(t *testing.T) { cases[i].check(t, known[i], a) })
	}
}

// check compares an answer with what the case wants.
func (c *testcase) check(t *testing.T, known *variables, a answer) {
	if c.Error == nil {
		expected, err := known.replace(c.Answer)
		if err != nil {
			t.Fatal(err)
		}
		if lack := lacks(a.Output, expected, c.Op); a.Code != "" || lack != "" {
			t.Errorf("%s\n%s %s\n%v", lack, a.Code, a.Message, a.Output)
		}
		return
	}
	if a.Code != c.Error.Code {
		t.Errorf("code %q, want %q: %s", a.Code, c.Error.Code, a.Message)
	}
	at := slices.IndexFunc(ecsapi.API.Operations, func(op schema.Operation) bool { return op.Name == c.Op })
	if at < 0 || !slices.Contains(ecsapi.API.Operations[at].Errors, a.Code) {
		t.Errorf("the API has no %s for %s: SDKs have no type for it", a.Code, c.Op)
	}
	for text, matches := range map[string]func(message, text string) bool{
		c.Error.Message:         func(message, text string) bool { return message == text },
		c.Error.MessageContains: strings.Contains,
		c.Error.MessageMatches:  func(message, text string) bool { return regexp.MustCompile(text).MatchString(message) },
	} {
		if text == "" {
			continue
		}
		if text, err := known.expand(text); err != nil || !matches(a.Message, text) {
			t.Errorf("message %q,\n   want %q (%v)", a.Message, text, err)
		}
	}
}

// lacks says what of want is not in have: every member of an object, a list item by item, null for what must be absent.
// The Go SDK's members begin with a capital.
func lacks(have, want any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v", at, have)
		}
		for name, value := range w {
			got, ok := h[name]
			if !ok && name != "" {
				got = h[strings.ToUpper(name[:1])+name[1:]]
			}
			if lack := lacks(got, value, at+"."+name); lack != "" {
				return lack
			}
		}
	case []any:
		h, _ := have.([]any)
		if len(h) != len(w) {
			return fmt.Sprintf("%s has %d items, want %d", at, len(h), len(w))
		}
		for i := range w {
			if lack := lacks(h[i], w[i], fmt.Sprintf("%s[%d]", at, i)); lack != "" {
				return lack
			}
		}
	default:
		if have != want {
			return fmt.Sprintf("%s is %v, want %v", at, have, want)
		}
	}
	return ""
}
