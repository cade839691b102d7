package operator

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"
)

// ErrNotFound is answered with 404; what is wrapped with it says what is not there.
var ErrNotFound = errors.New("not found")

// HealthHandler answers GET /_berth/health, which needs no signature: 200 when the status is ok, else 503.
func HealthHandler(b Backend) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			answer(w, http.StatusMethodNotAllowed, Failure{"GET answers here"})
			return
		}
		health := b.Health(r.Context())
		status := http.StatusOK
		if health.Status != OK {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, health)
	})
}

// Handler answers the signed paths. The caller has checked the signature and that the caller owns this Berth.
func Handler(b Backend) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathImages, func(w http.ResponseWriter, r *http.Request) {
		images, err := b.Images(r.Context())
		reply(w, images, err)
	})
	mux.HandleFunc("POST "+PathImages, func(w http.ResponseWriter, r *http.Request) {
		images, err := b.ImportImage(r.Context(), r.Body)
		if err != nil {
			answer(w, http.StatusBadRequest, Failure{err.Error()})
			return
		}
		reply(w, images, nil)
	})
	mux.HandleFunc("DELETE "+PathImages, func(w http.ResponseWriter, r *http.Request) {
		reply(w, struct{}{}, b.RemoveImage(r.Context(), r.URL.Query().Get("name")))
	})
	handleVolumes(mux, b)
	handlePublished(mux, b)
	mux.HandleFunc("POST "+PathPull, func(w http.ResponseWriter, r *http.Request) {
		image, err := b.PullImage(r.Context(), r.URL.Query().Get("name"))
		if err != nil {
			answer(w, http.StatusBadRequest, Failure{err.Error()})
			return
		}
		reply(w, image, nil)
	})
	mux.HandleFunc("POST "+PathPrune, func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		unused, err := time.ParseDuration(cmp.Or(query.Get("unused-for"), "0s"))
		if err != nil {
			answer(w, http.StatusBadRequest, Failure{"unused-for: " + err.Error()})
			return
		}
		images, err := b.PruneImages(r.Context(), query.Get("all") == "true", unused)
		reply(w, images, err)
	})
	mux.HandleFunc("GET "+PathPulls, func(w http.ResponseWriter, r *http.Request) {
		reply(w, b.Pulls(r.Context()), nil)
	})
	mux.HandleFunc("GET "+PathOutput, outputHandler(b))
	mux.HandleFunc("GET "+PathUnsupported, func(w http.ResponseWriter, r *http.Request) {
		reply(w, b.Unsupported(r.Context()), nil)
	})
	mux.HandleFunc("POST "+PathReset, func(w http.ResponseWriter, r *http.Request) {
		reply(w, struct{}{}, b.Reset(r.Context()))
	})
	mux.HandleFunc("POST "+PathDown, func(w http.ResponseWriter, r *http.Request) {
		reply(w, struct{}{}, b.Down(r.Context(), r.URL.Query().Get("keep-tasks") == "true"))
	})
	return mux
}

func reply(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, ErrNotFound):
		answer(w, http.StatusNotFound, Failure{strings.TrimPrefix(err.Error(), ErrNotFound.Error()+": ")})
	case err != nil:
		answer(w, http.StatusInternalServerError, Failure{err.Error()})
	default:
		answer(w, http.StatusOK, v)
	}
}
