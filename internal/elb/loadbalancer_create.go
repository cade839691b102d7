package elb

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// CreateLoadBalancer makes a load balancer. One that is there already with the same settings is the answer.
func (s *Service) CreateLoadBalancer(ctx context.Context, in *api.CreateLoadBalancerInput) (*api.CreateLoadBalancerOutput, error) {
	scope := scopeOf(ctx)
	if err := errors.Join(checkBalancerName(in.Name), checkTags(in.Tags)); err != nil {
		return nil, first(err)
	}
	if err := s.config.Network.EnsureDefault(ctx, scope); err != nil {
		return nil, err
	}
	b := &loadBalancer{
		Name: in.Name, Type: in.Type, Scheme: in.Scheme, SecurityGroups: in.SecurityGroups, Tags: in.Tags, CreatedAt: s.now(),
	}
	if b.Type == "" {
		b.Type = api.LoadBalancerTypeEnumApplication
	}
	if b.Scheme == "" {
		b.Scheme = api.LoadBalancerSchemeEnumInternetFacing
	}
	b.ID = map[bool]string{false: "app/", true: "net/"}[b.network()] + in.Name + "/" + newID()
	b.DNSName = dnsName(b, scope)
	stands, err := s.stands(scope, b, in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	if err := s.checkSecurityGroups(scope, b); err != nil {
		return nil, err
	}
	if b, err = s.createBalancer(ctx, scope, b, stands); err != nil {
		return nil, err
	}
	return &api.CreateLoadBalancerOutput{LoadBalancers: []api.LoadBalancer{s.describeBalancer(scope, b)}}, nil
}

// createBalancer makes the load balancer, or answers the one of its name that is as it.
func (s *Service) createBalancer(ctx context.Context, scope store.Scope, b *loadBalancer, stands []stand) (is *loadBalancer, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		// From here on a load balancer that somebody else makes has the transaction run again: what is counted below holds.
		if named := s.tables.balancers.FindTx(tx, scope, byName, b.Name); len(named) > 0 {
			if is = named[0].Value; !is.same(b, stands) {
				return wire.Errorf(api.DuplicateLoadBalancerNameException, "A load balancer with the same name '%s' exists, but with different settings", b.Name)
			}
			return nil
		}
		if s.count(scope, b.Type) >= maxBalancers {
			return wire.Errorf(api.TooManyLoadBalancersException, "The maximum number of load balancers has been reached")
		}
		made := *b
		is = &made
		if err := s.standOn(tx, scope, is, stands); err != nil {
			return err
		}
		return s.tables.balancers.Create(tx, scope, is.ID, is)
	})
	return is, err
}

var nameCharacters = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

const maxName = 32

func checkBalancerName(name string) error {
	switch {
	case len(name) > maxName:
		return invalid("The load balancer name '%s' cannot be longer than '%d' characters", name, maxName)
	case !nameCharacters.MatchString(name):
		return invalid("The load balancer name '%s' can only contain characters that are alphanumeric characters and hyphens(-)", name)
	case strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-"):
		return invalid("The load balancer name '%s' cannot begin or end with a hyphen(-)", name)
	case strings.HasPrefix(name, "internal-"):
		return invalid("The load balancer name '%s' cannot begin with 'internal-'", name)
	}
	return nil
}

// dnsName is the name by which a load balancer is found, drawn anew: "web-1a2b3c4d5e.us-east-1.elb.localhost".
func dnsName(b *loadBalancer, scope store.Scope) string {
	var drawn [5]byte
	_, _ = rand.Read(drawn[:]) // never fails
	name := strings.ToLower(b.Name) + "-" + hex.EncodeToString(drawn[:])
	if b.Scheme == api.LoadBalancerSchemeEnumInternal {
		name = "internal-" + name
	}
	return name + "." + scope.Region + ".elb.localhost"
}

// same tells whether a load balancer is as the one that was to be made at those stands.
func (b *loadBalancer) same(as *loadBalancer, stands []stand) bool {
	var had, wanted []string
	for _, at := range b.Addresses {
		had = append(had, at.Subnet)
	}
	for _, at := range stands {
		wanted = append(wanted, at.subnet.ID)
	}
	return b.Type == as.Type && b.Scheme == as.Scheme && sameSet(had, wanted) && sameSet(b.SecurityGroups, as.SecurityGroups)
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// count is how many load balancers of a type there are.
func (s *Service) count(scope store.Scope, kind api.LoadBalancerTypeEnum) (n int) {
	rows, _ := s.tables.balancers.List(scope, store.Page{})
	for _, row := range rows {
		if row.Value.Type == kind {
			n++
		}
	}
	return n
}

// first is the first of joined errors: an answer has one.
func first(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}
