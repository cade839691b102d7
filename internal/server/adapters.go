package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/vpc"
)

// network gives the ECS service what it needs of the VPC service.
type network struct{ vpc *vpc.Service }

func (n network) CreateInterface(tx *store.Tx, scope store.Scope, spec ecs.InterfaceSpec) (ecs.Interface, error) {
	made, err := n.vpc.CreateInterface(tx, scope, vpc.InterfaceSpec(spec))
	for is, named := range map[error]error{
		vpc.ErrMixed:    ecs.ErrNoSecurityGroup,
		vpc.ErrNoSubnet: ecs.ErrNoSubnet, vpc.ErrNoSecurityGroup: ecs.ErrNoSecurityGroup, vpc.ErrNoAddress: ecs.ErrNoAddress,
	} {
		if errors.Is(err, is) {
			return ecs.Interface{}, fmt.Errorf("%w (%w)", err, named)
		}
	}
	if err != nil {
		return ecs.Interface{}, err
	}
	return ecs.Interface(made), nil
}

func (n network) Zones(scope store.Scope, subnets []string) []string {
	return n.vpc.Zones(scope, subnets)
}

func (n network) DeleteInterface(tx *store.Tx, scope store.Scope, id string) error {
	return n.vpc.DeleteInterface(tx, scope, id)
}

// observer gives dispatch those who write what agents report.
type observer struct {
	*ecs.Service
	db  *store.DB
	vpc *vpc.Service
}

// ApplyHostAddress records on the task's network interface how the machine itself reaches it.
func (o observer) ApplyHostAddress(ctx context.Context, scope store.Scope, task, attachmentARN, address string) error {
	host, err := netip.ParseAddr(address)
	if err != nil {
		return fmt.Errorf("the host address of task %s: %w", task, err)
	}
	row, ok := o.Tasks.Get(scope, task)
	if !ok {
		return nil
	}
	for _, a := range row.Value.Attachments {
		if ecs.AttachmentARN(scope, a.ID) == attachmentARN {
			return o.db.Update(ctx, func(tx *store.Tx) error { return o.vpc.SetHostAddress(tx, scope, a.Interface.ID, host) })
		}
	}
	return nil
}

// issuer gives dispatch the credentials of tasks' roles.
type issuer struct{ iam *iam.Service }

func (i issuer) TaskCredentials(_ context.Context, scope store.Scope, taskARN, roleARN string, kind acs.RoleType) (acs.IAMRoleCredentials, error) {
	session := i.iam.IssueTask(iam.TaskRole{Account: scope.Account, TaskARN: taskARN, RoleARN: roleARN, Type: iam.RoleType(kind)})
	return acs.IAMRoleCredentials{
		CredentialsId: session.CredentialsID, RoleArn: roleARN, AccessKeyId: session.ID, SecretAccessKey: session.Secret,
		SessionToken: session.Token, Expiration: session.Expires.UTC().Format(time.RFC3339),
	}, nil
}
