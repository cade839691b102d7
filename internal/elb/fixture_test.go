package elb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
	"github.com/berth-dev/berth/test/berthtest"
)

var here = store.Scope{Account: "123456789012", Region: "eu-west-1"}

// keys are the fixture's access keys: each one's secret is itself.
type keys struct{}

func (keys) Lookup(_ context.Context, key, _ string, _ *http.Request) (wire.Credential, error) {
	return wire.Credential{Secret: key, Caller: wire.Caller{Account: here.Account, AccessKeyID: key, Kind: wire.Root}}, nil
}

// fixture is the service behind a real wire server, called by the official SDK.
type fixture struct {
	testing.TB
	*sdk.Client
	service *Service
	network *subnets
	plane   *plane
	url     string
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return newFixtureWith(t, Config{})
}

func newFixtureWith(t testing.TB, config Config) *fixture {
	t.Helper()
	f := &fixture{TB: t, network: newSubnets(), plane: newPlane()}
	config.Network, config.Plane, config.Certificates, config.Instances, config.Log = f.network, f.plane, certificates{}, instances{}, slog.New(slog.DiscardHandler)
	db := store.Memory()
	f.service = New(db, config)
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := wire.New(wire.Config{Credentials: keys{}})
	f.service.Register(server)
	listener := httptest.NewServer(server)
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { f.service.Run(ctx) })
	t.Cleanup(func() {
		listener.Close()
		stop()
		done.Wait()
		db.Close()
	})
	f.url = listener.URL
	f.Client = sdk.New(sdk.Options{Region: here.Region, BaseEndpoint: aws.String(f.url), Credentials: credentials.NewStaticCredentialsProvider("key", "key", "")})
	return f
}

// subnets are a VPC of three zones and another of one, in memory.
type subnets struct {
	mu         sync.Mutex
	interfaces map[string]InterfaceSpec
	n          int
}

func newSubnets() *subnets { return &subnets{interfaces: map[string]InterfaceSpec{}} }

const (
	vpc      = "vpc-0a"
	otherVPC = "vpc-0b"
)

var allSubnets = map[string]Subnet{
	"subnet-a": {"subnet-a", vpc, "eu-west-1a", netip.MustParsePrefix("10.0.0.0/20")},
	"subnet-b": {"subnet-b", vpc, "eu-west-1b", netip.MustParsePrefix("10.0.16.0/20")},
	"subnet-c": {"subnet-c", vpc, "eu-west-1c", netip.MustParsePrefix("10.0.32.0/20")},
	"subnet-d": {"subnet-d", vpc, "eu-west-1a", netip.MustParsePrefix("10.0.48.0/20")},
	"subnet-e": {"subnet-e", otherVPC, "eu-west-1b", netip.MustParsePrefix("10.1.0.0/20")},
}

func (*subnets) EnsureDefault(context.Context, store.Scope) error { return nil }

func (*subnets) VPC(_ store.Scope, id string) (netip.Prefix, bool) {
	prefix, ok := map[string]netip.Prefix{vpc: netip.MustParsePrefix("10.0.0.0/16"), otherVPC: netip.MustParsePrefix("10.1.0.0/16")}[id]
	return prefix, ok
}

func (*subnets) Subnet(_ store.Scope, id string) (Subnet, bool) {
	subnet, ok := allSubnets[id]
	return subnet, ok
}

func (*subnets) SecurityGroup(_ store.Scope, id string) (string, bool) {
	of, ok := map[string]string{"sg-default": vpc, "sg-web": vpc, "sg-other": otherVPC}[id]
	return of, ok
}

func (*subnets) DefaultSecurityGroup(store.Scope, string) string { return "sg-default" }

func (*subnets) ZoneOf(_ store.Scope, vpc string, address netip.Addr) string {
	for _, subnet := range allSubnets {
		if subnet.VPC == vpc && subnet.CIDR.Contains(address) {
			return subnet.Zone
		}
	}
	return ""
}

func (n *subnets) CreateInterface(_ *store.Tx, _ store.Scope, spec InterfaceSpec) (balancer.Address, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.n++
	id := fmt.Sprintf("eni-%d", n.n)
	n.interfaces[id] = spec
	subnet := allSubnets[spec.Subnet]
	address := spec.Address
	if !address.IsValid() {
		address = netip.AddrFrom4([4]byte{10, subnet.CIDR.Addr().As4()[1], subnet.CIDR.Addr().As4()[2], byte(10 + n.n)})
	}
	if address.As4()[3] == 255 {
		return balancer.Address{}, fmt.Errorf("%s: %w", address, ErrNoAddress)
	}
	return balancer.Address{Interface: id, Subnet: subnet.ID, CIDR: subnet.CIDR, Zone: subnet.Zone, IP: address}, nil
}

func (n *subnets) SetSecurityGroups(_ *store.Tx, _ store.Scope, id string, groups []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	spec := n.interfaces[id]
	spec.SecurityGroups = groups
	n.interfaces[id] = spec
	return nil
}

func (n *subnets) DeleteInterface(_ *store.Tx, _ store.Scope, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.interfaces, id)
	return nil
}

func (n *subnets) all() map[string]InterfaceSpec {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.interfaces)
}

// plane keeps what it is told, and says what it was told to say.
type plane struct {
	mu        sync.Mutex
	balancers map[string]*balancer.Balancer
	groups    map[string]*balancer.Group
	health    map[string]map[balancer.TargetKey]balancer.Health
	told      []string // "set group ...", in order
	watchers  watchers[string]
}

func newPlane() *plane {
	return &plane{balancers: map[string]*balancer.Balancer{}, groups: map[string]*balancer.Group{}, health: map[string]map[balancer.TargetKey]balancer.Health{}}
}

func (p *plane) SetBalancer(b *balancer.Balancer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.balancers[b.ARN] = b
	p.told = append(p.told, "set balancer "+b.Name)
}

func (p *plane) RemoveBalancer(arn string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.balancers, arn)
	p.told = append(p.told, "remove balancer")
}

func (p *plane) SetGroup(g *balancer.Group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups[g.ARN] = g
	p.told = append(p.told, "set group "+g.Name)
}

func (p *plane) RemoveGroup(arn string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.groups, arn)
	p.told = append(p.told, "remove group")
}

func (p *plane) Health(group string) map[balancer.TargetKey]balancer.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.health[group])
}

func (p *plane) Watch(told func(group string)) (stop func()) { return p.watchers.watch(told) }

func (p *plane) State(arn string) balancer.Standing {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.balancers[arn] == nil {
		return balancer.Standing{}
	}
	return balancer.Standing{Code: balancer.Active}
}

func (p *plane) Published(string) []balancer.Published { return nil }

// set says how a target is.
func (p *plane) set(group, id string, port uint16, health balancer.Health) {
	p.mu.Lock()
	if p.health[group] == nil {
		p.health[group] = map[balancer.TargetKey]balancer.Health{}
	}
	p.health[group][balancer.TargetKey{ID: id, Port: port}] = health
	p.mu.Unlock()
	p.watchers.tell(group)
}

func (p *plane) balancer(arn string) *balancer.Balancer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.balancers[arn]
}

func (p *plane) group(arn string) *balancer.Group {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.groups[arn]
}

// certificates has every one whose ARN ends with a digit.
type certificates struct{}

func (certificates) Certificate(_ store.Scope, arn string) (*tls.Certificate, error) {
	if arn == "" || arn[len(arn)-1] < '0' || arn[len(arn)-1] > '9' {
		return nil, fmt.Errorf("%s: %w", arn, ErrNoCertificate)
	}
	return &tls.Certificate{OCSPStaple: []byte(arn)}, nil
}

func (c certificates) Holds(_ *store.Tx, scope store.Scope, arn string) bool {
	_, err := c.Certificate(scope, arn)
	return err == nil
}

func (certificates) Watch(func(store.Scope, string)) (stop func()) { return func() {} }

// instances has one.
type instances struct{}

func (instances) InstanceZone(_ store.Scope, id string) (string, bool) {
	return "eu-west-1b", id == "i-0123456789abcdef0"
}

// wantError fails the test unless err is an AWS error with that code and text.
func wantError(t testing.TB, err error, code, message string) {
	t.Helper()
	var is smithy.APIError
	if !errors.As(err, &is) || is.ErrorCode() != code || is.ErrorMessage() != message {
		t.Errorf("got %v\nwant %s: %s", err, code, message)
	}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	berthtest.Eventually(t, 10*time.Second, what, holds)
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// application makes an application load balancer in two subnets and returns its ARN.
func (f *fixture) application(name string) string {
	f.Helper()
	made, err := f.CreateLoadBalancer(f.Context(), &sdk.CreateLoadBalancerInput{Name: &name, Subnets: []string{"subnet-a", "subnet-b"}})
	f.must(err)
	return *made.LoadBalancers[0].LoadBalancerArn
}

// networked makes a network load balancer in one subnet and returns its ARN.
func (f *fixture) networked(name string) string {
	f.Helper()
	made, err := f.CreateLoadBalancer(f.Context(), &sdk.CreateLoadBalancerInput{Name: &name, Type: types.LoadBalancerTypeEnumNetwork, Subnets: []string{"subnet-a"}})
	f.must(err)
	return *made.LoadBalancers[0].LoadBalancerArn
}

// targets makes a target group of addresses and returns its ARN.
func (f *fixture) targets(name string, protocol types.ProtocolEnum) string {
	f.Helper()
	made, err := f.CreateTargetGroup(f.Context(), &sdk.CreateTargetGroupInput{Name: &name, Protocol: protocol, Port: aws.Int32(80), VpcId: aws.String(vpc),
		TargetType: types.TargetTypeEnumIp})
	f.must(err)
	return *made.TargetGroups[0].TargetGroupArn
}

func forward(group string) []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &group}}
}

// listen makes a listener for HTTP, or for TCP where the load balancer is a network's, and returns its ARN.
func (f *fixture) listen(lb, group string, port int32) string {
	f.Helper()
	protocol := types.ProtocolEnumHttp
	if id := idIn(here, kindBalancer, lb); id[:3] == "net" {
		protocol = types.ProtocolEnumTcp
	}
	made, err := f.CreateListener(f.Context(), &sdk.CreateListenerInput{LoadBalancerArn: &lb, Protocol: protocol, Port: &port, DefaultActions: forward(group)})
	f.must(err)
	return *made.Listeners[0].ListenerArn
}

func onPath(path string) []types.RuleCondition {
	return []types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{path}}}
}

// rule makes a rule and returns its ARN.
func (f *fixture) rule(listener, group, path string, priority int32) string {
	f.Helper()
	made, err := f.CreateRule(f.Context(), &sdk.CreateRuleInput{ListenerArn: &listener, Priority: &priority, Conditions: onPath(path), Actions: forward(group)})
	f.must(err)
	return *made.Rules[0].RuleArn
}

const certificate1 = "arn:aws:acm:eu-west-1:123456789012:certificate/1"

// secure makes a listener for HTTPS and returns its ARN.
func (f *fixture) secure(lb, group string, port int32) string {
	f.Helper()
	made, err := f.CreateListener(f.Context(), &sdk.CreateListenerInput{LoadBalancerArn: &lb, Protocol: types.ProtocolEnumHttps, Port: &port,
		DefaultActions: forward(group), Certificates: []types.Certificate{{CertificateArn: aws.String(certificate1)}}})
	f.must(err)
	return *made.Listeners[0].ListenerArn
}
