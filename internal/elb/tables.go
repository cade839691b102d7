package elb

import (
	"net/netip"
	"strconv"
	"time"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
)

// loadBalancer is a load balancer's record, by its id.
type loadBalancer struct {
	ID      string                     `json:"id"` // "app/web/50dc6c495c0c9188"
	Name    string                     `json:"name"`
	Type    api.LoadBalancerTypeEnum   `json:"type"` // application, network
	Scheme  api.LoadBalancerSchemeEnum `json:"scheme"`
	VPC     string                     `json:"vpc"`
	DNSName string                     `json:"dnsName"`
	// Addresses are where it stands, one in each of its subnets.
	Addresses []balancer.Address `json:"addresses"`
	// Fixed are those of its addresses that were asked for.
	Fixed          []netip.Addr `json:"fixed,omitzero"`
	SecurityGroups []string     `json:"securityGroups,omitzero"`
	// Inbound is whether security groups are enforced on traffic of PrivateLink: on, off; empty: it was never said.
	Inbound    string            `json:"inbound,omitzero"`
	Attributes map[string]string `json:"attributes,omitzero"` // those that were set
	Tags       []api.Tag         `json:"tags,omitzero"`
	CreatedAt  time.Time         `json:"createdAt"`
}

func (b *loadBalancer) network() bool { return b.Type == api.LoadBalancerTypeEnumNetwork }

// targetGroup is a target group's record, by its id.
type targetGroup struct {
	ID       string             `json:"id"` // "web/73e2d6bc24d8a067"
	Name     string             `json:"name"`
	Protocol api.ProtocolEnum   `json:"protocol"`
	Version  string             `json:"version,omitzero"` // HTTP1, HTTP2, GRPC
	Port     uint16             `json:"port"`
	VPC      string             `json:"vpc"`
	Target   api.TargetTypeEnum `json:"target"` // instance, ip
	Check    check              `json:"check"`

	Attributes map[string]string `json:"attributes,omitzero"` // those that were set
	Tags       []api.Tag         `json:"tags,omitzero"`
	CreatedAt  time.Time         `json:"createdAt"`
}

// check is a target group's health check as it was asked for, with its defaults.
type check struct {
	Enabled   bool             `json:"enabled"`
	Protocol  api.ProtocolEnum `json:"protocol"`
	Port      string           `json:"port"` // number, or traffic-port
	Path      string           `json:"path,omitzero"`
	Interval  int32            `json:"interval"` // seconds
	Timeout   int32            `json:"timeout"`  // seconds
	Healthy   int32            `json:"healthy"`
	Unhealthy int32            `json:"unhealthy"`
	Codes     string           `json:"codes,omitzero"` // of HTTP, or of gRPC where the group's version is GRPC
}

// listener is a listener's record, by its id.
type listener struct {
	ID       string           `json:"id"`       // "app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"
	Balancer string           `json:"balancer"` // id
	Port     uint16           `json:"port"`
	Protocol api.ProtocolEnum `json:"protocol"`
	// Policy and Certificates are there for HTTPS and TLS, the default certificate first, and again when it is one of the others too.
	Policy       string   `json:"policy,omitzero"`
	Certificates []string `json:"certificates,omitzero"` // ARNs
	ALPN         string   `json:"alpn,omitzero"`         // policy: "HTTP2Preferred"
	// Mutual is what is done of clients' certificates: off, passthrough.
	Mutual string `json:"mutual,omitzero"`

	Attributes map[string]string `json:"attributes,omitzero"` // those that were set
	Tags       []api.Tag         `json:"tags,omitzero"`
	CreatedAt  time.Time         `json:"createdAt"`
}

// rule is a rule's record, by its id. Every listener has one that is its default.
type rule struct {
	ID       string `json:"id"`       // "app/web/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"
	Listener string `json:"listener"` // id
	Balancer string `json:"balancer"` // id
	// Priority is 1 to 50000; 0 is the default rule's, which is tried last.
	Priority   int32               `json:"priority"`
	Conditions []api.RuleCondition `json:"conditions,omitzero"`
	Actions    []api.Action        `json:"actions"`
	Tags       []api.Tag           `json:"tags,omitzero"`
}

// target is a registered target's record, by group/target/port.
type target struct {
	Group        string    `json:"group"` // id
	ID           string    `json:"id"`    // address, or id of a container instance
	Port         uint16    `json:"port"`
	Zone         string    `json:"zone,omitzero"` // availability zone, or "all"
	RegisteredAt time.Time `json:"registeredAt"`
	// DrainingSince is when it was deregistered; zero while it is registered.
	DrainingSince time.Time `json:"drainingSince,omitzero"`
}

func targetID(group, id string, port uint16) string {
	return group + "/" + id + "/" + strconv.Itoa(int(port))
}

type tables struct {
	balancers *store.Table[loadBalancer]
	groups    *store.Table[targetGroup]
	listeners *store.Table[listener]
	rules     *store.Table[rule]
	targets   *store.Table[target]
}

// Indexes.
const (
	byName     = "name"     // of load balancers and target groups, unique
	byBalancer = "balancer" // of listeners and rules: load balancer's id
	byPort     = "port"     // of listeners: load balancer's id/port, unique
	byUse      = "use"      // of listeners: ARNs of their certificates
	byListener = "listener" // of rules: listener's id
	byPriority = "priority" // of rules: listener's id/priority, unique
	byGroup    = "group"    // of rules: ARNs of the groups that they forward to; of targets: group's id
	byTarget   = "target"   // of targets: what is registered
)

func newTables(db *store.DB) tables {
	return tables{
		balancers: store.NewTable(db, "elbv2", "load-balancer",
			store.Index[loadBalancer]{Name: byName, Unique: true, Keys: func(_ string, b *loadBalancer) []string { return []string{b.Name} }}),
		groups: store.NewTable(db, "elbv2", "target-group",
			store.Index[targetGroup]{Name: byName, Unique: true, Keys: func(_ string, g *targetGroup) []string { return []string{g.Name} }}),
		listeners: store.NewTable(db, "elbv2", "listener",
			store.Index[listener]{Name: byBalancer, Keys: func(_ string, l *listener) []string { return []string{l.Balancer} }},
			store.Index[listener]{Name: byPort, Unique: true, Keys: func(_ string, l *listener) []string {
				return []string{l.Balancer + "/" + strconv.Itoa(int(l.Port))}
			}},
			store.Index[listener]{Name: byUse, Keys: func(_ string, l *listener) []string { return l.Certificates }}),
		rules: store.NewTable(db, "elbv2", "rule",
			store.Index[rule]{Name: byListener, Keys: func(_ string, r *rule) []string { return []string{r.Listener} }},
			store.Index[rule]{Name: byBalancer, Keys: func(_ string, r *rule) []string { return []string{r.Balancer} }},
			store.Index[rule]{Name: byPriority, Unique: true, Keys: func(_ string, r *rule) []string {
				if r.Priority == unplaced {
					return nil
				}
				return []string{r.Listener + "/" + strconv.Itoa(int(r.Priority))}
			}},
			store.Index[rule]{Name: byGroup, Keys: func(_ string, r *rule) []string { return groupsOf(r.Actions) }}),
		targets: store.NewTable(db, "elbv2", "target",
			store.Index[target]{Name: byGroup, Keys: func(_ string, t *target) []string { return []string{t.Group} }},
			store.Index[target]{Name: byTarget, Keys: func(_ string, t *target) []string { return []string{t.ID} }}),
	}
}

// unplaced is the priority of a rule for as long as a transaction that exchanges priorities takes.
const unplaced = -1

// groupsOf are the ARNs of the groups that actions forward to.
func groupsOf(actions []api.Action) (arns []string) {
	for _, action := range actions {
		if action.ForwardConfig == nil {
			continue
		}
		for _, g := range action.ForwardConfig.TargetGroups {
			arns = append(arns, g.TargetGroupArn)
		}
	}
	return arns
}
