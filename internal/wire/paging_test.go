package wire_test

import (
	"testing"

	"github.com/berth-dev/berth/internal/wire"
)

func TestATokenIsGoodForItsListing(t *testing.T) {
	token := wire.NextToken("task/7", "ListTasks", "default")
	if after, ok := wire.After(token, "ListTasks", "default"); !ok || after != "task/7" {
		t.Errorf("%q %v", after, ok)
	}
	if after, ok := wire.After("", "ListTasks"); !ok || after != "" {
		t.Errorf("no token: %q %v", after, ok)
	}
	for _, bad := range []string{token[:5], token + "!", "x", wire.NextToken("", "ListTasks", "default")} {
		if _, ok := wire.After(bad, "ListTasks", "default"); ok {
			t.Errorf("took the token %q", bad)
		}
	}
	if _, ok := wire.After(token, "ListTasks", "other"); ok {
		t.Error("took the token of another cluster")
	}
}
