package balancer

// Published is where a listener is found on this machine, by people and their browsers.
type Published struct {
	Listener string // ARN
	// URL has the load balancer's name and the port that was free: "http://web-1a2b3c4d5e.us-east-1.elb.localhost:8080",
	// "tcp://...". Empty: it is not published, and Err says why.
	URL string
	Err string
}

// Standing is how far a load balancer has come.
type Standing struct {
	// Code is that of its state: provisioning, active, active_impaired, failed.
	Code string
	// Reason is for people; empty when it is active.
	Reason string
}

// The codes of a Standing.
const (
	Provisioning   = "provisioning"
	Active         = "active"
	ActiveImpaired = "active_impaired"
	Failed         = "failed"
)
