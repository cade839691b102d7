package operator

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// PathVolumes answers the volumes.
const PathVolumes = "/_berth/volumes"

// Volume is a volume that the engine has. Its options are not told: they may hold a password.
type Volume struct {
	Name    string            `json:"name"`
	Driver  string            `json:"driver"`
	Path    string            `json:"path,omitzero"` // on the engine's machine
	Created time.Time         `json:"created,omitzero"`
	Labels  map[string]string `json:"labels,omitzero"`
	Task    string            `json:"task,omitzero"` // with which it goes; absent: it stays until it is removed
}

// Volumes lists the volumes.
func (c *Client) Volumes(ctx context.Context) ([]Volume, error) {
	var volumes []Volume
	return volumes, c.ask(ctx, http.MethodGet, PathVolumes, &volumes)
}

// RemoveVolume removes a volume and what is in it.
func (c *Client) RemoveVolume(ctx context.Context, name string) error {
	return c.ask(ctx, http.MethodDelete, PathVolumes+"?name="+url.QueryEscape(name), nil)
}

// handleVolumes answers PathVolumes.
func handleVolumes(mux *http.ServeMux, b Backend) {
	mux.HandleFunc("GET "+PathVolumes, func(w http.ResponseWriter, r *http.Request) {
		volumes, err := b.Volumes(r.Context())
		reply(w, volumes, err)
	})
	mux.HandleFunc("DELETE "+PathVolumes, func(w http.ResponseWriter, r *http.Request) {
		reply(w, struct{}{}, b.RemoveVolume(r.Context(), r.URL.Query().Get("name")))
	})
}
