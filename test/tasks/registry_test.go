package tasks

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"github.com/go-json-experiment/json"
	"github.com/opencontainers/go-digest"
)

// TestImagesOfAPrivateRegistry pulls by tag and by digest.
func TestImagesOfAPrivateRegistry(t *testing.T) {
	w := start(t)
	r := newRegistry(t)
	for name, image := range map[string]string{
		"by tag":                        r.host + "/probe:1",
		"by digest":                     r.host + "/probe@" + r.digest,
		"by tag and digest, which wins": r.host + "/probe:none@" + r.digest,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			c := logged(container("main", "exit", "9"))
			c.Image = aws.String(image)
			task := w.one(fargate(c), "STOPPED")
			w.exited(task, "main", 9)
			main := w.byName(task, "main")
			if aws.ToString(main.Image) != image || aws.ToString(main.ImageDigest) != r.digest {
				t.Errorf("image %s, digest %s; want %s, %s", aws.ToString(main.Image), aws.ToString(main.ImageDigest), image, r.digest)
			}
			if task.PullStartedAt == nil || task.PullStoppedAt == nil || task.PullStoppedAt.Before(*task.PullStartedAt) {
				t.Errorf("pulled from %v to %v", task.PullStartedAt, task.PullStoppedAt)
			}
		})
	}
	t.Run("a program for another kind of machine", func(t *testing.T) { // it ends as on AWS, where people look for this line
		w := w.in(t)
		layer, settings := probeImage(t)
		foreign := layerOf(t, "main", "\x7fELF for another kind of machine")
		r.push("foreign", foreign, bytes.Replace(settings, []byte(digest.FromBytes(layer)), []byte(digest.FromBytes(foreign)), 1))
		c := logged(container("main", "run"))
		c.Image = aws.String(r.host + "/foreign:1")
		task := w.one(fargate(c), "STOPPED")
		w.ended(task, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited")
		w.exited(task, "main", 255)
		if got := w.printed(task, "main", 1); got[0] != "exec /main: exec format error" {
			t.Errorf("it printed %q", got)
		}
	})
	t.Run("a digest that is another's", func(t *testing.T) {
		w := w.in(t)
		c := container("main", "exit", "9")
		c.Image = aws.String(r.host + "/probe@sha256:" + strings.Repeat("0", 64))
		task := w.one(fargate(c), "STOPPED")
		if got := aws.ToString(task.StoppedReason); !strings.HasPrefix(got, "CannotPullContainerError: ") {
			t.Errorf("it stopped for %q", got)
		}
	})
}

// registry is a private registry on this host's loopback that has the probe as probe:1.
type registry struct {
	t      *testing.T
	url    string
	host   string // "127.0.0.1:PORT"
	digest string // of probe:1
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	config, err := configuration.Parse(strings.NewReader(
		"version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {inmemory: {}, maintenance: {uploadpurging: {enabled: false}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handlers.NewApp(context.Background(), config))
	t.Cleanup(server.Close)
	r := &registry{t: t, url: server.URL, host: strings.TrimPrefix(server.URL, "http://")}
	layer, settings := probeImage(t)
	r.digest = r.push("probe", layer, settings)
	return r
}

// push puts an image of one layer into the registry as NAME:1 and returns its digest.
func (r *registry) push(name string, layer, config []byte) string {
	r.t.Helper()
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	describe := func(kind string, data []byte) descriptor {
		return descriptor{"application/vnd.oci.image." + kind, digest.FromBytes(data).String(), len(data)}
	}
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": describe("config.v1+json", config), "layers": []descriptor{describe("layer.v1.tar", layer)}}, json.Deterministic(true))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, blob := range [][]byte{layer, config} {
		place, err := url.Parse(r.do(http.MethodPost, r.url+"/v2/"+name+"/blobs/uploads/", "", nil).Get("Location"))
		if err != nil {
			r.t.Fatal(err)
		}
		query := place.Query()
		query.Set("digest", digest.FromBytes(blob).String())
		place.RawQuery = query.Encode()
		r.do(http.MethodPut, place.String(), "application/octet-stream", blob)
	}
	r.do(http.MethodPut, r.url+"/v2/"+name+"/manifests/1", "application/vnd.oci.image.manifest.v1+json", manifest)
	return digest.FromBytes(manifest).String()
}

// do sends a request, which has to succeed, and returns the answer's header.
func (r *registry) do(method, url, contentType string, body []byte) http.Header {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode > 299 {
		r.t.Fatalf("%s %s: %s %s", method, url, resp.Status, answer)
	}
	return resp.Header
}
