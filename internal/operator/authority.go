package operator

import (
	"context"
	"net/http"
	"time"
)

// PathAuthority tells the certificate authority.
const PathAuthority = "/_berth/ca"

// Authority is the certificate authority that issues what people request of Certificate Manager.
type Authority struct {
	Certificate string    `json:"certificate"` // its root, in PEM
	Subject     string    `json:"subject"`
	Fingerprint string    `json:"fingerprint"` // SHA-256 of the root, as browsers show it
	NotAfter    time.Time `json:"notAfter"`
}

// AuthorityHandler answers GET /_berth/ca. The caller has checked the signature and that the caller owns this Berth.
func AuthorityHandler(authority func() (Authority, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			answer(w, http.StatusMethodNotAllowed, Failure{"GET answers here"})
			return
		}
		a, err := authority()
		reply(w, a, err)
	})
}

// Authority asks for the certificate authority.
func (c *Client) Authority(ctx context.Context) (Authority, error) {
	var a Authority
	return a, c.ask(ctx, http.MethodGet, PathAuthority, &a)
}
