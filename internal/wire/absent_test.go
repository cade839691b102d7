package wire_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestAServiceThatIsNotThereIsNamed asks for services whose requests carry nothing but a method, a path and a signature.
func TestAServiceThatIsNotThereIsNamed(t *testing.T) {
	server := httptest.NewServer(newServer(time.Now))
	defer server.Close()
	for service, want := range map[string]string{"s3": "<Code>UnknownOperationException</Code>", "lambda": `"__type":"UnknownOperationException"`} {
		r, err := http.NewRequest(http.MethodGet, server.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		sign(t, r, "", testKey, testSecret, "", service, time.Now())
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), want) || !strings.Contains(string(body), service) {
			t.Errorf("%s answers %s %s, %v", service, answer.Status, body, err)
		}
	}
}
