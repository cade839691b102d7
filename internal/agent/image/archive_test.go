package image

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
)

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Write(data)
	w.Close()
	return buf.Bytes()
}

func zstded(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

func TestImport(t *testing.T) {
	image := buildImage(t, thisArch, file{"one", "1"}, file{"two", "2"})
	index := buildIndex(t, map[string]testImage{"mips": buildImage(t, "mips", file{"one", "m"}), thisArch: image})
	for _, c := range []struct {
		name, image string
		archive     []byte
	}{
		{"an OCI archive", "docker.io/library/oci:latest", ociArchive(t, "oci", image)},
		{"an OCI archive for several platforms", "docker.io/team/oci:v2", ociArchive(t, "team/oci:v2", index)},
		{"a docker archive", "docker.io/library/docker:v1", dockerArchive(t, "docker:v1", image)},
		{"by gzip", "docker.io/library/docker:v2", gzipped(t, dockerArchive(t, "docker:v2", image))},
		{"by zstd", "docker.io/library/docker:v3", zstded(t, dockerArchive(t, "docker:v3", image))},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testStore(t, t.TempDir())
			var last engine.PullProgress
			got, err := s.Import(t.Context(), bytes.NewReader(c.archive), func(p engine.PullProgress) { last = p })
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].Name != c.image || !strings.HasPrefix(got[0].Digest, "sha256:") || got[0].Size == 0 {
				t.Errorf("got %+v", got)
			}
			if last.Status != "done" {
				t.Errorf("last progress %+v", last)
			}
			root, err := s.Prepare(t.Context(), "t1", "c", c.image, "")
			if err != nil {
				t.Fatal(err)
			}
			if one, two := read(t, root, "one"), read(t, root, "two"); one != "1" || two != "2" {
				t.Errorf("files read %q, %q", one, two)
			}
		})
	}
}

func TestImportOfBadArchives(t *testing.T) {
	s := testStore(t, t.TempDir())
	image := buildImage(t, thisArch, file{"one", strings.Repeat("1", 8192)}, file{"two", "2"})
	whole := ociArchive(t, "app", image)
	wrong := image
	wrong.blobs = append([]blob{}, image.blobs...)
	wrong.blobs[0].data = append([]byte{}, wrong.blobs[0].data...)
	wrong.blobs[0].data[600] ^= 1
	missing := image
	missing.blobs = image.blobs[1:]
	compressed := gzipped(t, whole)
	altered := bytes.Clone(compressed)
	altered[len(altered)-6] ^= 1
	for _, c := range []struct {
		name    string
		archive []byte
		says    string
	}{
		{"nothing", nil, "the archive is empty"},
		{"a few words", []byte("FROM scratch"), "not an OCI or docker-archive tar"},
		{"something else", []byte(strings.Repeat("this is no tar ", 100)), "not an OCI or docker-archive tar"},
		{"another tar", tarOf(t, file{"readme", "hi"}), "not an OCI or docker-archive tar"},
		{"a tar cut short", whole[:len(whole)/2], "cut short or damaged"},
		{"a gzip cut short", compressed[:len(compressed)/2], "cut short or damaged"},
		{"a gzip header alone", compressed[:4], "cut short or damaged"},
		{"a zstd cut short", zstded(t, whole)[:100], "cut short or damaged"},
		{"a layer with a wrong digest", ociArchive(t, "app", wrong), "lacks content that it refers to, or holds it damaged"},
		{"a layer that is missing", ociArchive(t, "app", missing), "lacks content that it refers to, or holds it damaged"},
		{"a docker archive with a wrong layer", dockerArchive(t, "app", wrong), "wrong diff id"},
		{"no name", ociArchive(t, "", image), "names no image"},
		{"a bad name", ociArchive(t, "team/UPPER", image), "invalid reference format"},
		{"another machine's image", ociArchive(t, "app", buildImage(t, "mips", file{"one", "1"})), "does not contain descriptor matching platform"},
		{"a manifest that fills the memory", ociArchive(t, "app", grown(t, 1)), "manifest.v1+json of 9000000 bytes exceeds the limit"},
		{"a configuration that fills the memory", ociArchive(t, "app", grown(t, 0)), "config.v1+json of 9000000 bytes exceeds the limit"},
		{"a configuration that fills the memory, in a docker archive", dockerArchive(t, "app", grown(t, 0)), "of 9000000 bytes exceeds the limit"},
		{"a configuration that is called a layer", ociArchive(t, "app", disguised(t)), "names a layer as its configuration"},
		{"an index that fills the memory", tarOf(t, file{"oci-layout", `{"imageLayoutVersion":"1.0.0"}`}, file{"index.json", "{}" + strings.Repeat(" ", 9_000_000)}), "exceeds the limit"},
		{"an index that is no JSON", tarOf(t, file{"oci-layout", `{"imageLayoutVersion":"1.0.0"}`}, file{"index.json", "{"}), "index"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.Import(t.Context(), bytes.NewReader(c.archive), nil)
			if err == nil || !strings.HasPrefix(err.Error(), "import image: ") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got  %v\nwant %s", err, c.says)
			}
			nothingLeft(t, s)
		})
	}
	if _, err := s.Import(t.Context(), bytes.NewReader(whole), nil); err != nil {
		t.Errorf("a good one after the bad ones: %v", err)
	}
}

// grown is an image with 9 MB of blanks behind its configuration (0) or its manifest (1). The descriptors say nothing of them.
func grown(t testing.TB, which int) testImage {
	image := buildImage(t, thisArch, file{"one", "1"})
	config, manifest := image.blobs[1], image.blobs[2]
	padded := func(b blob) blob {
		data := append(bytes.Clone(b.data), bytes.Repeat([]byte(" "), 9_000_000-len(b.data))...)
		return newBlob(b.desc.MediaType, data)
	}
	if which == 0 {
		image.blobs[1] = padded(config)
		text := strings.Replace(string(manifest.data), config.desc.Digest.String(), image.blobs[1].desc.Digest.String(), 1)
		image.blobs[2] = newBlob(manifest.desc.MediaType, []byte(text))
	} else {
		image.blobs[2] = padded(manifest)
	}
	image.target = image.blobs[2].desc
	image.target.Size = manifest.desc.Size
	return image
}

// disguised is an image whose manifest gives its configuration the type of a layer.
func disguised(t testing.TB) testImage {
	image := buildImage(t, thisArch, file{"one", "1"})
	text := strings.Replace(string(image.blobs[2].data), ocispec.MediaTypeImageConfig, ocispec.MediaTypeImageLayer, 1)
	image.blobs[2] = newBlob(ocispec.MediaTypeImageManifest, []byte(text))
	image.target = image.blobs[2].desc
	return image
}

func FuzzImport(f *testing.F) {
	image := buildImage(f, thisArch, file{"one", "1"})
	f.Add(ociArchive(f, "app", image))
	f.Add(dockerArchive(f, "app", image))
	f.Add(gzipped(f, dockerArchive(f, "app", image)))
	f.Add(zstded(f, ociArchive(f, "app", image)))
	f.Add([]byte{0x1f, 0x8b})
	s := testStore(f, f.TempDir())
	f.Fuzz(func(t *testing.T, data []byte) {
		imported, err := s.Import(t.Context(), bytes.NewReader(data), nil)
		if err == nil && len(imported) == 0 {
			t.Error("neither an image nor an error")
		}
		for _, i := range imported {
			if _, err := s.Prepare(t.Context(), "t1", "c", i.Name, ""); err != nil {
				t.Errorf("an imported image cannot be used: %v", err)
			}
			if err := s.Release(t.Context(), "t1"); err != nil {
				t.Error(err)
			}
			if err := s.Remove(t.Context(), i.Name); err != nil && len(imported) == 1 {
				t.Error(err)
			}
		}
		nothingLeft(t, s)
	})
}
