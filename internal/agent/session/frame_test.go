package session

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acs"
)

// FuzzFrame decodes frames from outside. Whatever comes, decoding ends without a panic, and what is understood says the
// same after it has been written and read again.
func FuzzFrame(f *testing.F) {
	files, err := filepath.Glob("testdata/*.log")
	if err != nil || len(files) == 0 {
		f.Fatal("no recordings", err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		lines := bufio.NewScanner(strings.NewReader(string(content)))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			_, frame, _ := strings.Cut(lines.Text(), " ")
			f.Add([]byte(frame))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		decoded, err := decodeFrame(data)
		if err != nil {
			return
		}
		if p, assigned, err := decodePayload(decoded); err == nil {
			if p.MessageID == "" || len(assigned) != len(p.Tasks) {
				t.Fatalf("payload %+v was taken", p)
			}
			for _, a := range assigned {
				if len(a.ID) != 32 {
					t.Fatalf("task id %q was taken", a.ID)
				}
				var kept acs.Task
				if json.Unmarshal(a.Payload, &kept) == nil && kept.RoleCredentials != nil && kept.RoleCredentials.SecretAccessKey != "" {
					t.Fatalf("a secret is kept: %s", a.Payload)
				}
			}
		}
		if m, err := message[acs.TaskManifestMessage](decoded); err == nil {
			again, err := encodeFrame(&m)
			if err != nil {
				t.Fatal(err)
			}
			if !jsontext.Value(again).IsValid() {
				t.Fatalf("%s is no JSON", again)
			}
		}
	})
}
