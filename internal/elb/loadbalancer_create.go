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
	if s.count(scope, b.Type) >= maxBalancers {
		return nil, wire.Errorf(api.TooManyLoadBalancersException, "The maximum number of load balancers has been reached")
	}
	if _, exists := s.tables.balancers.FindOne(scope, byName, b.Name); exists {
		err = store.ErrExists
	} else {
		err = s.createBalancer(ctx, scope, b, stands)
	}
	if errors.Is(err, store.ErrExists) {
		b, err = s.same(scope, b, stands)
	}
	if err != nil {
		return nil, err
	}
	return &api.CreateLoadBalancerOutput{LoadBalancers: []api.LoadBalancer{s.describeBalancer(scope, b)}}, nil
}

func (s *Service) createBalancer(ctx context.Context, scope store.Scope, b *loadBalancer, stands []stand) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		made := *b
		if err := s.standOn(tx, scope, &made, stands); err != nil {
			return err
		}
		*b = made
		return s.tables.balancers.Create(tx, scope, b.ID, &made)
	})
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

// same is the load balancer of that name if it is as the one that was to be made.
func (s *Service) same(scope store.Scope, b *loadBalancer, stands []stand) (*loadBalancer, error) {
	row, ok := s.tables.balancers.FindOne(scope, byName, b.Name)
	if ok {
		is := row.Value
		var had, wanted []string
		for _, at := range is.Addresses {
			had = append(had, at.Subnet)
		}
		for _, at := range stands {
			wanted = append(wanted, at.subnet.ID)
		}
		if is.Type == b.Type && is.Scheme == b.Scheme && sameSet(had, wanted) && sameSet(is.SecurityGroups, b.SecurityGroups) {
			return is, nil
		}
	}
	return nil, wire.Errorf(api.DuplicateLoadBalancerNameException, "A load balancer with the same name '%s' exists, but with different settings", b.Name)
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
