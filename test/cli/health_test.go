package cli

import (
	"io"
	"net/http"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/operator"
)

// endpointOf is where the Berth on a data directory answers.
func endpointOf(t *testing.T, data string) string {
	t.Helper()
	in, err := instance.Find(data)
	if err != nil {
		t.Fatal(err)
	}
	announced, err := in.Announced()
	if err != nil {
		t.Fatal(err)
	}
	return announced.Endpoint
}

// healthOf asks for the health as anybody may, and wants that status.
func healthOf(t *testing.T, data string, want int) operator.Health {
	t.Helper()
	answer, err := http.Get(endpointOf(t, data) + operator.PathHealth)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var health operator.Health
	if err := json.Unmarshal(body, &health); err != nil || answer.StatusCode != want {
		t.Fatalf("%s (%v): %s", answer.Status, err, body)
	}
	return health
}

func TestHealth(t *testing.T) {
	data := place(t)
	dev(t, data)
	health := healthOf(t, data, http.StatusOK)
	if health.Status != operator.OK || health.Instance != instanceOf(t, data) || health.Endpoint != endpointOf(t, data) ||
		health.Engine != "native" || health.Version == "" || health.Store.Quota == 0 || len(health.Problems) != 0 {
		t.Errorf("%+v", health)
	}
}
