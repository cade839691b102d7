// Package target holds the live target groups of load balancers: which targets there are, which of them is healthy, and which
// gets the next request. The listeners (elb/proxy, elb/stream) pick targets here and dial them; package node makes the groups
// of what the API says and tells the API how their targets are.
//
// The life of a target: initial until its first health check, then healthy or unhealthy; draining once it is deregistered, and
// gone when its requests and connections are over, or the deregistration delay is. A target that is registered again is a new
// one. A target of a group that no listener forwards to, or in a zone where no such load balancer stands, is unused: nothing
// checks it and nothing is sent to it.
package target
