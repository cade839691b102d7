// Package balancer is what load balancers are to be, as plain data: the contract between the API of Elastic Load Balancing
// (package elb), which makes it of its records, and the data path (elb/proxy, elb/stream, elb/target), which does it. It
// knows neither stores nor sockets. A value that has been handed over is never changed again: what changes is made anew.
package balancer

import (
	"crypto/tls"
	"net/netip"
	"time"
)

// Balancer is one load balancer with everything that hangs on it.
type Balancer struct {
	ARN     string
	Name    string
	DNSName string // by which it is found: "web-1a2b3c4d.us-east-1.elb.localhost"
	Network bool   // a network load balancer; otherwise an application load balancer
	VPC     string // id
	// Addresses are its own, one in each of its subnets.
	Addresses []Address
	// CrossZone lets a node take targets of every zone; only a network load balancer's may be off.
	CrossZone bool
	HTTP      HTTPSettings
	AccessLog *AccessLog // nil: none is kept
	Listeners []Listener
}

// Address is where a load balancer stands in one of its subnets.
type Address struct {
	Interface string // id of its network interface
	Subnet    string
	CIDR      netip.Prefix // of the subnet
	VPCCIDR   netip.Prefix // of the VPC
	Zone      string       // availability zone
	MAC       string
	IP        netip.Addr
	Gateway   netip.Addr // of the subnet
}

// HTTPSettings are the attributes of an application load balancer, by the names that AWS gives them.
type HTTPSettings struct {
	IdleTimeout        time.Duration // idle_timeout.timeout_seconds
	ClientKeepAlive    time.Duration // client_keep_alive.seconds
	HTTP2              bool          // routing.http2.enabled
	DropInvalidHeaders bool          // routing.http.drop_invalid_header_fields.enabled
	PreserveHost       bool          // routing.http.preserve_host_header.enabled
	TLSHeaders         bool          // routing.http.x_amzn_tls_version_and_cipher_suite.enabled
	ClientPort         bool          // routing.http.xff_client_port.enabled
	ForwardedFor       string        // routing.http.xff_header_processing.mode: append, preserve, remove
	DesyncMode         string        // routing.http.desync_mitigation_mode: monitor, defensive, strictest
}

// AccessLog is where a load balancer keeps a line for each request.
type AccessLog struct {
	Balancer       string // ARN
	Bucket, Prefix string
}

// The protocols of listeners and target groups.
const (
	HTTP   = "HTTP"
	HTTPS  = "HTTPS"
	TCP    = "TCP"
	TLS    = "TLS"
	UDP    = "UDP"
	TCPUDP = "TCP_UDP"
)

// The protocol versions of a target group of an application load balancer.
const (
	HTTP1 = "HTTP1"
	HTTP2 = "HTTP2"
	GRPC  = "GRPC"
)

// Listener takes connections at one port of the load balancer.
type Listener struct {
	ARN      string
	Port     uint16
	Protocol string
	// TLS is there for HTTPS and TLS.
	TLS *TLSSettings
	// IdleTimeout is a network load balancer's: tcp.idle_timeout.seconds.
	IdleTimeout time.Duration
	// Headers are those that the listener's attributes add to answers (routing.http.response.*) by their names in HTTP; a
	// header that is there with an empty value is removed, as "Server" is by routing.http.response.server.enabled = false.
	Headers map[string]string
	// Rules in the order in which they are tried. The last has no conditions: the default. A network load balancer's
	// listener has that one alone.
	Rules []Rule
}

// TLSSettings say how connections are decrypted.
type TLSSettings struct {
	Policy string // of security, "ELBSecurityPolicy-TLS13-1-2-2021-06"
	// Certificates, the default one first; the others are chosen by the server name that the client asks for.
	Certificates []*tls.Certificate
	ALPN         []string // of a network load balancer's listener: what its policy offers
	Mutual       string   // off, passthrough, verify
	TrustStore   []byte   // PEM, for verify
}

// Rule is what becomes of requests that meet all of its conditions.
type Rule struct {
	ARN        string
	Priority   int // for the log; 0 of the default
	Conditions []Condition
	Action     Action
}

// Condition is met when one of its values matches.
type Condition struct {
	Field  string // host-header, path-pattern, http-header, http-request-method, query-string, source-ip
	Header string // of http-header
	Values []string
	Query  []QueryValue   // of query-string
	Ranges []netip.Prefix // of source-ip
}

// QueryValue is a parameter of a query. Without a key, any parameter of that value does. Both may have wildcards.
type QueryValue struct{ Key, Value string }

// Action is one of these three.
type Action struct {
	Forward  *Forward
	Redirect *Redirect
	Fixed    *Fixed
}

// Forward sends a request to one of its groups, by their weights.
type Forward struct {
	Groups []Weighted
	// Sticky is for how long a client stays with the group that it was given; 0: it does not.
	Sticky time.Duration
}

// Weighted is a target group's share of what is forwarded.
type Weighted struct {
	Group  string // ARN
	Weight int    // 0 to 999
}

// Redirect sends the client elsewhere. Its parts may hold #{protocol}, #{host}, #{port}, #{path} and #{query}.
type Redirect struct {
	Status                            int // 301, 302
	Protocol, Host, Port, Path, Query string
}

// Fixed answers by itself.
type Fixed struct {
	Status            int
	ContentType, Body string
}

// Group is a target group.
type Group struct {
	ARN, Name string
	Protocol  string
	Version   string // protocol version: HTTP1, HTTP2, GRPC
	VPC       string // id
	Instance  bool   // its targets are container instances, otherwise addresses
	// Algorithm is load_balancing.algorithm.type: round_robin, least_outstanding_requests, weighted_random.
	Algorithm string
	// SlowStart is for how long a new target takes a growing share of the requests; 0: none.
	SlowStart time.Duration
	// Delay is deregistration_delay.timeout_seconds; Terminate that what is left open then is cut
	// (deregistration_delay.connection_termination.enabled).
	Delay      time.Duration
	Terminate  bool
	Stickiness Stickiness
	// PreserveClientIP and ProxyProtocol are of the groups of network load balancers.
	PreserveClientIP, ProxyProtocol bool
	// CrossZone is "true", "false" or "use_load_balancer_configuration".
	CrossZone string
	Check     Check
	Targets   []Target
}

// Stickiness keeps a client with its target.
type Stickiness struct {
	Kind   string        // "": none; lb_cookie, app_cookie, source_ip
	For    time.Duration // of the cookie
	Cookie string        // name of the application's cookie
}

// Check is a group's health check.
type Check struct {
	Enabled            bool
	Protocol           string // HTTP, HTTPS, TCP
	Port               uint16 // 0: the port that traffic goes to
	Path               string
	Interval, Timeout  time.Duration
	Healthy, Unhealthy int    // checks in a row
	Codes              string // that say healthy: "200-299,301"; of GRPC: "0-99"
}

// Target is a registered target.
type Target struct {
	ID   string // address, or id of a container instance
	Port uint16
	Zone string // availability zone, or "all"
	// DrainingSince is when it was deregistered; zero while it is registered.
	DrainingSince time.Time
}

// Key names a target within its group.
func (t Target) Key() TargetKey { return TargetKey{t.ID, t.Port} }

// TargetKey names a target within its group.
type TargetKey struct {
	ID   string
	Port uint16
}
