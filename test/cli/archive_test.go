package cli

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

// TestArchivesThatAreNoImages imports what people pass by mistake, and what a broken download leaves.
func TestArchivesThatAreNoImages(t *testing.T) {
	data := place(t)
	dev(t, data)
	good, err := os.ReadFile(berthtest.Archive(t, "counter:test", "./test/berthtest/counter"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		archive []byte
		says    string
	}{
		"nothing":                    {nil, "is empty"},
		"a text":                     {[]byte("FROM scratch\n"), "not an OCI or docker-archive tar"},
		"noise":                      {noise(1 << 20), "not an OCI or docker-archive tar"},
		"gzip's magic and noise":     {append([]byte{0x1f, 0x8b}, noise(1<<10)...), "cut short or damaged"},
		"half of it":                 {good[:len(good)/2], "cut short or damaged"},
		"all but its end":            {good[:len(good)-2048], "not an OCI or docker-archive tar"},
		"a tar of something else":    {tarball(t, map[string]string{"readme.txt": "hello"}), "not an OCI or docker-archive tar"},
		"a manifest of nothing":      {tarball(t, map[string]string{"manifest.json": "[]"}), "names no image"},
		"a manifest that is no JSON": {tarball(t, map[string]string{"manifest.json": "{"}), "cut short or damaged"},
		"a layer that is not there": {tarball(t, map[string]string{"manifest.json": `[{"Config":"c.json","RepoTags":["x:1"],"Layers":["gone.tar"]}]`,
			"c.json": `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:0000000000000000000000000000000000000000000000000000000000000000"]}}`}), "gone.tar"},
		"a layer of another digest": {ociImage(t, true), "digest"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "image.tar")
			if err := os.WriteFile(path, test.archive, 0o644); err != nil {
				t.Fatal(err)
			}
			berth(t, "--data-dir", data, "image", "import", path).refused(t, 1, path+": import image: ", test.says)
			cmd := exec.Command(berthtest.Program(t, "berth"), "--data-dir", data, "image", "import", "-")
			cmd.Stdin = bytes.NewReader(test.archive)
			run(t, cmd).refused(t, 1, "standard input: import image: ", test.says)
		})
	}
	berth(t, "--data-dir", data, "image", "import", t.TempDir()).refused(t, 1, "is a directory")
	berth(t, "--data-dir", data, "image", "import", "/nonexistent").refused(t, 1, "/nonexistent", "no such file")
	if c := berth(t, "--data-dir", data, "image", "ls", "--output", "json"); c.stdout != "[]\n" {
		t.Errorf("there are images now: %s", c.stdout)
	}
	berthtest.Eventually(t, 10*time.Second, "nothing is left of what was refused", func() bool {
		left := 0
		for _, dir := range []string{"content/ingest/*", "content/blobs/sha256/*", "overlayfs/snapshots/*"} {
			found, _ := filepath.Glob(filepath.Join(data, "agent/images", dir))
			left += len(found)
		}
		return left == 0
	})
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, ociImage(t, false), 0o644); err != nil {
		t.Fatal(err)
	}
	if c := berth(t, "--data-dir", data, "image", "import", path); c.code != 0 {
		t.Errorf("the good one: %s", c.stderr)
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*i>>3 ^ i)
	}
	return b
}

func tarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ociImage is an OCI archive of one empty layer; a forged one's layer is not what its digest says.
func ociImage(t *testing.T, forged bool) []byte {
	t.Helper()
	digest := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	size := func(text string) string { return strconv.Itoa(len(text)) }
	layer := string(tarball(t, map[string]string{"file": "text"}))
	config := `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:` + digest(layer) + `"]}}`
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
		"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:` + digest(config) + `","size":` + size(config) + `},
		"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:` + digest(layer) + `","size":` + size(layer) + `}]}`
	index := `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` + digest(manifest) +
		`","size":` + size(manifest) + `,"annotations":{"org.opencontainers.image.ref.name":"oci:test"}}]}`
	content := layer
	if forged {
		content = string(tarball(t, map[string]string{"file": "evil"}))
	}
	return tarball(t, map[string]string{
		"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "index.json": index,
		"blobs/sha256/" + digest(config): config, "blobs/sha256/" + digest(manifest): manifest, "blobs/sha256/" + digest(layer): content,
	})
}
