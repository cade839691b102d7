package wire_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/wire"
	"github.com/berth-dev/berth/internal/wire/client"
)

func TestAStreamIsLargerThanARequestAndSigned(t *testing.T) {
	s := wire.New(wire.Config{Credentials: oneKey{}, MaxBody: 1 << 10})
	s.Stream("POST /_berth/sum", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		if _, err := io.Copy(sum, r.Body); err != nil {
			t.Error(err)
		}
		io.WriteString(w, hex.EncodeToString(sum.Sum(nil)))
	}))
	server := httptest.NewServer(s)
	defer server.Close()

	body := strings.Repeat("berth ", 1<<20)
	want := sha256.Sum256([]byte(body))
	got, err := client.New(server.URL, client.Static(testKey, testSecret, ""), "us-east-1").Stream(t.Context(), http.MethodPost, "/_berth/sum", strings.NewReader(body))
	if err != nil || string(got) != hex.EncodeToString(want[:]) {
		t.Errorf("a stream answers %q, %v", got, err)
	}
	if _, err := client.New(server.URL, client.Static(testKey, "other", ""), "us-east-1").Stream(t.Context(), http.MethodPost, "/_berth/sum", strings.NewReader("x")); err == nil {
		t.Error("a wrong secret is let through")
	}
	if answer, err := http.Post(server.URL+"/_berth/sum", "", strings.NewReader("x")); err != nil || answer.StatusCode < 400 {
		t.Errorf("an unsigned stream answers %v, %v", answer.Status, err)
	}
}
