package store

import (
	"os"
	"testing"

	"github.com/go-json-experiment/json"
)

// TestThisReleaseReadsItsOwnRecords holds the store's own records to what a release has written. (Package storetest has the same for the
// records of services; it can't be used from inside this package.)
func TestThisReleaseReadsItsOwnRecords(t *testing.T) {
	golden(t, "token.1.json", func(v token) bool {
		return len(v.Params) == 64 && string(v.Result) == `{"tasks":["arn:aws:ecs:us-east-1:000000000000:task/default/0123"]}` && v.Expires.Year() == 2026
	})
	golden(t, "leader.1.json", func(v lease) bool { return v.Holder == "CSLVZ4WYGQ5F7MNBT2RX3KDJAE" && v.Since.Minute() == 4 })
	golden(t, "claim.1.json", func(v claim) bool { return v.ID == "task-1" })
}

func golden[T any](t *testing.T, file string, isRight func(T) bool) {
	t.Helper()
	text, err := os.ReadFile("testdata/golden/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(text, &v, json.RejectUnknownMembers(true)); err != nil || !isRight(v) {
		t.Errorf("%s reads as %+v, %v", file, v, err)
	}
}
