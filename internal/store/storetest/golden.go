package storetest

import (
	"bytes"
	"os"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Golden checks that this release reads a value as a release before it wrote it, and that nothing of it is lost: file holds the
// JSON of a row with every member set. A file is added for each release that changes a record, and none is ever edited.
// It returns the value, for the test to look at.
func Golden[T any](t *testing.T, file string) *T {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("read the golden value: %v", err)
	}
	v := new(T)
	if err := json.Unmarshal(text, v, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("this release does not read %s: %v", file, err)
	}
	again, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatalf("%s can't be written again: %v", file, err)
	}
	if !sameJSON(t, string(again), string(text)) {
		t.Errorf("%s is written again as\n%s", file, again)
	}
	return v
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	return bytes.Equal(canonical(t, a), canonical(t, b))
}

func canonical(t *testing.T, text string) []byte {
	t.Helper()
	v := jsontext.Value(text)
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("%q is not JSON: %v", text, err)
	}
	return v
}
