package vpc

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

func (s *Service) groupKind(scope store.Scope) kind[groupRow] {
	k := kind[groupRow]{
		operation: "DescribeSecurityGroups", table: s.tables.groups, id: func(g *groupRow) string { return g.ID },
		idPrefix: "sg-", ids: "GroupIds", malformed: "InvalidGroupId.Malformed", notFound: "InvalidGroup.NotFound",
		missing: "The security group '%s' does not exist",
		fields: fields[groupRow]{
			"description": one(func(g *groupRow) string { return g.Description }),
			"group-id":    one(func(g *groupRow) string { return g.ID }),
			"group-name":  one(func(g *groupRow) string { return g.Name }),
			"owner-id":    constant[groupRow](scope.Account),
			"vpc-id":      one(func(g *groupRow) string { return g.VPC }),
		},
	}
	for prefix, rules := range map[string]func(*groupRow) []rule{
		"ip-permission.":        func(g *groupRow) []rule { return g.Ingress },
		"egress.ip-permission.": func(g *groupRow) []rule { return g.Egress },
	} {
		k.addRuleFields(prefix, scope.Account, rules, s.groupName(scope))
	}
	return k
}

// addRuleFields lets filters ask about the rules of one direction.
func (k kind[T]) addRuleFields(prefix, account string, rules func(*T) []rule, groupName func(id string) string) {
	each := func(value func(rule) string) func(*T) []string {
		return func(item *T) (values []string) {
			for _, r := range rules(item) {
				if v := value(r); v != "" {
					values = append(values, v)
				}
			}
			return values
		}
	}
	ofGroups := func(value func(id string) string) func(*T) []string {
		return each(func(r rule) string {
			if r.Group == "" {
				return ""
			}
			return value(r.Group)
		})
	}
	k.fields[prefix+"cidr"] = each(func(r rule) string {
		if r.CIDR == (netip.Prefix{}) {
			return ""
		}
		return r.CIDR.String()
	})
	k.fields[prefix+"group-id"] = ofGroups(func(id string) string { return id })
	k.fields[prefix+"group-name"] = ofGroups(groupName)
	k.fields[prefix+"user-id"] = ofGroups(func(string) string { return account })
	k.fields[prefix+"protocol"] = each(func(rule) string { return "-1" })
	for _, absent := range []string{"from-port", "to-port", "ipv6-cidr", "prefix-list-id"} { // of a rule for any protocol
		k.fields[prefix+absent] = none[T]
	}
}

// groupName finds groups' names.
func (s *Service) groupName(scope store.Scope) func(id string) string {
	return func(id string) string {
		if row, ok := s.tables.groups.Get(scope, id); ok {
			return row.Value.Name
		}
		return ""
	}
}

// DescribeSecurityGroups lists security groups.
func (s *Service) DescribeSecurityGroups(ctx context.Context, in *api.DescribeSecurityGroupsRequest) (*api.DescribeSecurityGroupsResult, error) {
	scope := scopeOf(ctx)
	if err := s.EnsureDefault(ctx, scope); err != nil {
		return nil, err
	}
	filters, err := s.byName(scope, in.GroupNames, in.Filters)
	if err != nil {
		return nil, err
	}
	groups, next, err := s.groupKind(scope).list(s, ctx, listing{in.GroupIds, filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSecurityGroupsResult{NextToken: next, SecurityGroups: []api.SecurityGroup{}}
	for _, g := range groups {
		out.SecurityGroups = append(out.SecurityGroups, api.SecurityGroup{
			GroupId: g.ID, GroupName: g.Name, Description: g.Description, VpcId: g.VPC, OwnerId: scope.Account,
			SecurityGroupArn: fmt.Sprintf("arn:aws:ec2:%s:%s:security-group/%s", scope.Region, scope.Account, g.ID),
			IpPermissions:    permissions(g.Ingress, scope.Account), IpPermissionsEgress: permissions(g.Egress, scope.Account),
		})
	}
	return out, nil
}

// byName adds to filters that groups are asked for by name, which EC2 looks for in the default VPC.
func (s *Service) byName(scope store.Scope, names []string, filters []api.Filter) ([]api.Filter, error) {
	if len(names) == 0 {
		return filters, nil
	}
	vpc := defaults(scope).vpc.ID
	rows, _ := s.tables.groups.List(scope, store.Page{})
	var literal []string
	for _, name := range names {
		if !slices.ContainsFunc(rows, func(r store.Row[groupRow]) bool { return r.Value.VPC == vpc && r.Value.Name == name }) {
			return nil, wire.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", name, vpc)
		}
		literal = append(literal, strings.NewReplacer("*", `\*`, "?", `\?`, `\`, `\\`).Replace(name))
	}
	return append(slices.Clone(filters), api.Filter{Name: "vpc-id", Values: []string{vpc}}, api.Filter{Name: "group-name", Values: literal}), nil
}

// permissions describes rules as EC2 does: one permission for all peers of a protocol.
func permissions(rules []rule, account string) []api.IpPermission {
	if len(rules) == 0 {
		return []api.IpPermission{}
	}
	all := api.IpPermission{IpProtocol: "-1", UserIdGroupPairs: []api.UserIdGroupPair{}, IpRanges: []api.IpRange{},
		Ipv6Ranges: []api.Ipv6Range{}, PrefixListIds: []api.PrefixListId{}}
	for _, r := range rules {
		if r.Group != "" {
			all.UserIdGroupPairs = append(all.UserIdGroupPairs, api.UserIdGroupPair{GroupId: r.Group, UserId: account})
		} else {
			all.IpRanges = append(all.IpRanges, api.IpRange{CidrIp: r.CIDR.String()})
		}
	}
	return []api.IpPermission{all}
}
