package clients

import (
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

// The example of a balanced service is there after its script alone, answers from all of its tasks, and is gone after the other one.
func TestTheBalancedExample(t *testing.T) {
	b := berthtest.Start(t)
	if _, err := exec.LookPath("aws"); err != nil {
		berthtest.Missing(t, "the aws command")
	}
	script := func(name string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(berthtest.Root(t), "examples/balanced-web", name))
		cmd.Env = b.Env()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	script("up.sh")
	url := regexp.MustCompile(`http://\S+`).FindString(b.Run("lb", "ls"))
	if url == "" {
		t.Fatalf("berth lb ls tells no URL:\n%s", b.Run("lb", "ls"))
	}
	tasks := map[string]bool{}
	berthtest.Eventually(t, time.Minute, "all three tasks answer at "+url, func() bool { // a service is stable before all its targets are healthy
		tasks[page(t, url)] = true
		return len(tasks) == 3
	})
	script("down.sh")
	if left := regexp.MustCompile(`balanced-web`).FindString(b.Run("lb", "ls") + b.Run("service", "ls")); left != "" {
		t.Errorf("down.sh leaves something:\n%s%s", b.Run("lb", "ls"), b.Run("service", "ls"))
	}
}

// page is the line of the example's page that says of which task it is.
func page(t *testing.T, url string) string {
	t.Helper()
	here := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) { // as browsers take names below localhost
		_, port, _ := net.SplitHostPort(address)
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
	defer here.CloseIdleConnections()
	answer, err := (&http.Client{Transport: here}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, answer.Status, err)
	}
	return regexp.MustCompile(`(?m)^task: .*$`).FindString(string(body))
}
