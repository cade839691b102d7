// Package vpc is the control plane's side of networking, EC2's part of it: VPCs, subnets, security groups, and the network
// interfaces of tasks with their addresses. It touches no kernel: that is the agents' part (internal/agent/network).
//
// Every account has in each region a default VPC, made when it is first asked for: 172.31.0.0/16 with a /20 subnet in each
// of three zones and the security group "default". Its ids follow from account and region, so they are the same in every
// installation and after every reset.
//
// `berth dev` and `berth server` register its operations with the wire server. The ECS service makes and deletes the
// interfaces of tasks inside its own transactions; dispatch records what agents say of them.
package vpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	api "github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// Service answers the network part of EC2's API.
type Service struct {
	db     *store.DB
	tables tables
	now    func() time.Time

	mu      sync.Mutex
	cursors map[cursorKey]uint32 // see nextAddress
}

// Config sets up a Service.
type Config struct {
	Now func() time.Time // nil: time.Now
}

// New makes the service and declares its tables: it comes before the DB starts.
func New(db *store.DB, config Config) *Service {
	s := &Service{db: db, tables: newTables(db), now: config.Now, cursors: map[cursorKey]uint32{}}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Register adds the service's operations to the server.
func (s *Service) Register(server *wire.Server) {
	svc := server.Service(&api.API)
	wire.Handle(svc, api.DescribeAvailabilityZones, s.DescribeAvailabilityZones)
	wire.Handle(svc, api.DescribeNetworkInterfaces, s.DescribeNetworkInterfaces)
	wire.Handle(svc, api.DescribeSecurityGroups, s.DescribeSecurityGroups,
		wire.Note("", "the rules are shown, and not enforced"))
	wire.Handle(svc, api.DescribeSubnets, s.DescribeSubnets)
	wire.Handle(svc, api.DescribeVpcAttribute, s.DescribeVpcAttribute)
	wire.Handle(svc, api.DescribeVpcs, s.DescribeVpcs)
}

// scopeOf is whose VPCs the caller sees.
func scopeOf(ctx context.Context) store.Scope {
	caller := wire.CallerOf(ctx)
	return store.Scope{Account: caller.Account, Region: caller.Region}
}

// EnsureDefault makes the scope's default VPC unless it has it.
func (s *Service) EnsureDefault(ctx context.Context, scope store.Scope) error {
	d := defaults(scope)
	if _, ok := s.tables.vpcs.Get(scope, d.vpc.ID); ok {
		return nil
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if _, ok := s.tables.vpcs.GetTx(tx, scope, d.vpc.ID); ok {
			return nil
		}
		for _, subnet := range d.subnets {
			if err := s.tables.subnets.Put(tx, scope, subnet.ID, &subnet); err != nil {
				return err
			}
		}
		return errors.Join(s.tables.groups.Put(tx, scope, d.group.ID, &d.group), s.tables.vpcs.Put(tx, scope, d.vpc.ID, &d.vpc))
	})
	if err != nil {
		return fmt.Errorf("make the default VPC of %s: %w", scope, err)
	}
	return nil
}
