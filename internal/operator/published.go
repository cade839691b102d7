package operator

import (
	"context"
	"net/http"
)

// PathPublished answers where load balancers are found on this machine.
const PathPublished = "/_berth/load-balancers"

// Published is where a listener of a load balancer is found on this machine.
type Published struct {
	LoadBalancer string `json:"loadBalancerArn"`
	Listener     string `json:"listenerArn"`
	URL          string `json:"url,omitzero"`
	Problem      string `json:"problem,omitzero"` // why there is no URL
}

// Published lists where load balancers are found on this machine.
func (c *Client) Published(ctx context.Context) ([]Published, error) {
	var published []Published
	return published, c.ask(ctx, http.MethodGet, PathPublished, &published)
}

// handlePublished answers PathPublished.
func handlePublished(mux *http.ServeMux, b Backend) {
	mux.HandleFunc("GET "+PathPublished, func(w http.ResponseWriter, r *http.Request) { reply(w, b.Published(r.Context()), nil) })
}
