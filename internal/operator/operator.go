// Package operator is what people who run a Berth need beside the AWS APIs: its health, its images, resetting and
// ending it. `berth dev` serves it under /_berth/; the verbs of cmd/berth call it.
package operator

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/unsupported"
)

// Paths of the operator's API. All but Health are signed like an AWS request, for the service ServiceName.
const (
	ServiceName = "berth"
	PathHealth  = "/_berth/health"
	PathImages  = "/_berth/images"
	PathPull    = "/_berth/images/pull"
	PathPrune   = "/_berth/images/prune"
	PathPulls   = "/_berth/pulls"
	PathReset   = "/_berth/reset"
	PathDown    = "/_berth/down"
	// PathUnsupported tells what was asked for and not done.
	PathUnsupported = "/_berth/unsupported"
)

// Health is the answer of GET /_berth/health.
type Health struct {
	Status   string `json:"status"` // OK, Starting or Impaired
	Version  string `json:"version"`
	Instance string `json:"instance"`
	Engine   string `json:"engine"`
	Endpoint string `json:"endpoint"`
	// Store is the state of the store.
	Store StoreHealth `json:"store"`
	// Problems says what is wrong, a sentence each.
	Problems []string `json:"problems"`
}

// The statuses of Health.
const (
	OK       = "ok"
	Starting = "starting" // this machine's agent has not joined yet
	Impaired = "impaired" // it answers, but not all that it is asked for can be done
)

// StoreHealth tells how full the store is.
type StoreHealth struct {
	Revision int64 `json:"revision"`
	Bytes    int64 `json:"bytes"`
	Quota    int64 `json:"quota"`
}

// Image is an image that the engine has.
type Image struct {
	Name    string    `json:"name"`
	Digest  string    `json:"digest"`
	Size    int64     `json:"size"` // bytes, compressed
	Created time.Time `json:"created,omitzero"`
	Origin  string    `json:"origin,omitzero"` // where it came from: registry, docker, archive or built-in
	Used    time.Time `json:"used,omitzero"`   // when a task last had it, or it came
	InUse   bool      `json:"inUse"`           // a task has it now
}

// Pull is an image on its way to a task.
type Pull struct {
	Reference string `json:"reference"`
	Status    string `json:"status"`
	Bytes     int64  `json:"bytes"` // in all, 0 while unknown
	Complete  int64  `json:"complete"`
}

// Backend does what the operator asks. `berth dev` implements it.
type Backend interface {
	Health(ctx context.Context) Health
	Images(ctx context.Context) ([]Image, error)
	// ImportImage reads an OCI or docker-archive tar.
	ImportImage(ctx context.Context, archive io.Reader) ([]Image, error)
	// RemoveImage removes a name; ErrNotFound when there is no such image.
	RemoveImage(ctx context.Context, name string) error
	// PullImage pulls an image from its registry, whether it is present or not.
	PullImage(ctx context.Context, name string) (Image, error)
	// PruneImages removes images that no task uses, nor has for a while, and returns them: those that can be had again, or all.
	PruneImages(ctx context.Context, all bool, unusedFor time.Duration) ([]Image, error)
	// Volumes lists the volumes, by name.
	Volumes(ctx context.Context) ([]Volume, error)
	// RemoveVolume removes a volume and what is in it; ErrNotFound when there is none, another error while a task has it.
	RemoveVolume(ctx context.Context, name string) error
	// Published lists where load balancers are found on this machine.
	Published(ctx context.Context) []Published
	// Pulls lists the images that are being pulled now.
	Pulls(ctx context.Context) []Pull
	// Output is what a container of this machine printed that logs into files, from a place on.
	Output(ctx context.Context, q OutputQuery) (Output, error)
	// Unsupported is what was asked for so far and refused or ignored.
	Unsupported(ctx context.Context) unsupported.Record
	// Reset stops what runs and forgets all state.
	Reset(ctx context.Context) error
	// Down ends the program; tasks go on when keepTasks is set. It returns once the end has begun.
	Down(ctx context.Context, keepTasks bool) error
}

// Failure is the body of an answer that is not 2xx.
type Failure struct {
	Message string `json:"message"`
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, v) // the client is gone: nobody is left to tell
}
