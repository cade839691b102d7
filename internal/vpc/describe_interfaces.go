package vpc

import (
	"cmp"
	"context"

	api "github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
)

func (s *Service) interfaceKind(scope store.Scope) kind[interfaceRow] {
	groupName := s.groupName(scope)
	address := one(func(i *interfaceRow) string { return i.Address.String() })
	group := func(i *interfaceRow) []string { return i.Groups }
	public := func(i *interfaceRow) []string {
		if i.public() == "" {
			return nil
		}
		return []string{i.public()}
	}
	return kind[interfaceRow]{
		operation: "DescribeNetworkInterfaces", table: s.tables.interfaces, id: func(i *interfaceRow) string { return i.ID },
		idPrefix: "eni-", ids: "NetworkInterfaceIds", malformed: "InvalidNetworkInterfaceId.Malformed",
		notFound: "InvalidNetworkInterfaceID.NotFound", missing: "The networkInterface ID '%s' does not exist",
		fields: fields[interfaceRow]{
			"addresses.association.public-ip":  public,
			"addresses.primary":                constant[interfaceRow]("true"),
			"addresses.private-ip-address":     address,
			"association.public-ip":            public,
			"attachment.attachment-id":         one(func(i *interfaceRow) string { return i.Attachment }),
			"attachment.delete-on-termination": constant[interfaceRow]("false"),
			"attachment.device-index":          constant[interfaceRow]("1"),
			"attachment.instance-id":           none[interfaceRow],
			"attachment.instance-owner-id":     one(func(i *interfaceRow) string { return i.requester(scope.Account) }),
			"attachment.status":                one(func(i *interfaceRow) string { return string(i.attachmentStatus()) }),
			"availability-zone":                one(func(i *interfaceRow) string { return i.Zone }),
			"availability-zone-id":             one(func(i *interfaceRow) string { return i.ZoneID }),
			"description":                      one(func(i *interfaceRow) string { return i.Description }),
			"group-id":                         group,
			"group-name": func(i *interfaceRow) (names []string) {
				for _, id := range i.Groups {
					names = append(names, groupName(id))
				}
				return names
			},
			"interface-type":              one(func(i *interfaceRow) string { return string(i.kind()) }),
			"ipv6-addresses.ipv6-address": none[interfaceRow],
			"mac-address":                 one(func(i *interfaceRow) string { return i.MAC }),
			"network-interface-id":        one(func(i *interfaceRow) string { return i.ID }),
			"owner-id":                    constant[interfaceRow](scope.Account),
			"private-dns-name":            one(func(i *interfaceRow) string { return i.DNSName }),
			"private-ip-address":          address,
			"requester-id":                one(func(i *interfaceRow) string { return i.requester(scope.Account) }),
			"requester-managed":           constant[interfaceRow]("true"),
			"source-dest-check":           constant[interfaceRow]("true"),
			"status":                      constant[interfaceRow](string(api.NetworkInterfaceStatusInUse)),
			"subnet-id":                   one(func(i *interfaceRow) string { return i.Subnet }),
			"vpc-id":                      one(func(i *interfaceRow) string { return i.VPC }),
		},
	}
}

// public is the interface's public address: the address by which its machine reaches it, where one was asked for.
func (i *interfaceRow) public() string {
	if !i.Public || !i.HostAddress.IsValid() {
		return ""
	}
	return i.HostAddress.String()
}

// requester is who has made the interface for the account.
func (i *interfaceRow) requester(account string) string { return cmp.Or(i.Requester, account) }

func (i *interfaceRow) kind() api.NetworkInterfaceType {
	return cmp.Or(i.Type, api.NetworkInterfaceTypeInterface)
}

func (i *interfaceRow) attachmentStatus() api.AttachmentStatus {
	if !i.HostAddress.IsValid() && i.Requester == "" {
		return api.AttachmentStatusAttaching
	}
	return api.AttachmentStatusAttached
}

// DescribeNetworkInterfaces lists network interfaces.
func (s *Service) DescribeNetworkInterfaces(ctx context.Context, in *api.DescribeNetworkInterfacesRequest) (*api.DescribeNetworkInterfacesResult, error) {
	scope := scopeOf(ctx)
	rows, next, err := s.interfaceKind(scope).list(s, ctx, listing{in.NetworkInterfaceIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	groupName := s.groupName(scope)
	out := &api.DescribeNetworkInterfacesResult{NextToken: next, NetworkInterfaces: []api.NetworkInterface{}}
	for _, row := range rows {
		out.NetworkInterfaces = append(out.NetworkInterfaces, describeInterface(row, scope.Account, groupName))
	}
	return out, nil
}

func describeInterface(i *interfaceRow, account string, groupName func(string) string) api.NetworkInterface {
	described := api.NetworkInterface{
		NetworkInterfaceId: i.ID, InterfaceType: i.kind(), Status: api.NetworkInterfaceStatusInUse,
		Description: i.Description, OwnerId: account, RequesterId: i.requester(account), RequesterManaged: ptr(true), SourceDestCheck: ptr(true),
		SubnetId: i.Subnet, VpcId: i.VPC, AvailabilityZone: i.Zone, AvailabilityZoneId: i.ZoneID,
		MacAddress: i.MAC, PrivateIpAddress: i.Address.String(), PrivateDnsName: i.DNSName,
		Groups: []api.GroupIdentifier{}, Ipv6Addresses: []api.NetworkInterfaceIpv6Address{}, TagSet: []api.Tag{},
		Attachment: &api.NetworkInterfaceAttachment{AttachmentId: i.Attachment, AttachTime: schema.Time{Time: i.CreatedAt},
			DeleteOnTermination: ptr(false), DeviceIndex: ptr(int32(1)), InstanceOwnerId: i.requester(account), Status: i.attachmentStatus()},
	}
	for _, id := range i.Groups {
		described.Groups = append(described.Groups, api.GroupIdentifier{GroupId: id, GroupName: groupName(id)})
	}
	if public := i.public(); public != "" {
		described.Association = &api.NetworkInterfaceAssociation{IpOwnerId: "amazon", PublicIp: public}
	}
	described.PrivateIpAddresses = []api.NetworkInterfacePrivateIpAddress{{Primary: ptr(true), Association: described.Association,
		PrivateIpAddress: described.PrivateIpAddress, PrivateDnsName: described.PrivateDnsName}}
	return described
}

// PublicAddress returns the public address of an interface, empty while it has none.
func (s *Service) PublicAddress(scope store.Scope, id string) string {
	if row, ok := s.tables.interfaces.Get(scope, id); ok {
		return row.Value.public()
	}
	return ""
}
