package operator

import (
	"context"
	"net/http"
	"net/url"
)

// PathInterrupt takes away the capacity of a task on Fargate Spot.
const PathInterrupt = "/_berth/spot/interrupt"

// Interrupted is a task that was interrupted.
type Interrupted struct {
	Task   string `json:"task"` // id
	Reason string `json:"stoppedReason"`
}

// Interrupter takes away Spot capacity. The control plane implements it.
type Interrupter interface {
	// Interrupt interrupts the task that a name means: ErrNotFound when there is none that runs.
	Interrupt(ctx context.Context, cluster, name string) (Interrupted, error)
}

// InterruptHandler answers POST /_berth/spot/interrupt. The caller has checked the signature and that the caller owns this Berth.
func InterruptHandler(i Interrupter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			answer(w, http.StatusMethodNotAllowed, Failure{"POST answers here"})
			return
		}
		query := r.URL.Query()
		done, err := i.Interrupt(r.Context(), query.Get("cluster"), query.Get("name"))
		reply(w, done, err)
	})
}

// Interrupt takes away the capacity of a cluster's task by its name.
func (c *Client) Interrupt(ctx context.Context, cluster, name string) (done Interrupted, err error) {
	return done, c.ask(ctx, http.MethodPost, PathInterrupt+"?"+url.Values{"cluster": {cluster}, "name": {name}}.Encode(), &done)
}
