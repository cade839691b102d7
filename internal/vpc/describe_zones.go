package vpc

import (
	"context"
	"slices"

	api "github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/internal/wire"
)

var zoneFields = fields[api.AvailabilityZone]{
	"group-name":       one(func(z *api.AvailabilityZone) string { return z.GroupName }),
	"message":          none[api.AvailabilityZone],
	"opt-in-status":    one(func(z *api.AvailabilityZone) string { return string(z.OptInStatus) }),
	"parent-zone-id":   none[api.AvailabilityZone],
	"parent-zone-name": none[api.AvailabilityZone],
	"region-name":      one(func(z *api.AvailabilityZone) string { return z.RegionName }),
	"state":            one(func(z *api.AvailabilityZone) string { return string(z.State) }),
	"zone-id":          one(func(z *api.AvailabilityZone) string { return z.ZoneId }),
	"zone-name":        one(func(z *api.AvailabilityZone) string { return z.ZoneName }),
	"zone-type":        one(func(z *api.AvailabilityZone) string { return z.ZoneType }),
}

// DescribeAvailabilityZones lists the zones of the caller's region.
func (s *Service) DescribeAvailabilityZones(ctx context.Context, in *api.DescribeAvailabilityZonesRequest) (*api.DescribeAvailabilityZonesResult, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	passes, err := zoneFields.matcher(in.Filters)
	if err != nil {
		return nil, err
	}
	region := scopeOf(ctx).Region
	var names, ids []string
	out := &api.DescribeAvailabilityZonesResult{AvailabilityZones: []api.AvailabilityZone{}}
	for _, zone := range zonesOf(region) {
		names, ids = append(names, zone.Name), append(ids, zone.ID)
		described := api.AvailabilityZone{
			ZoneName: zone.Name, ZoneId: zone.ID, RegionName: region, GroupName: region + "-zg-1", NetworkBorderGroup: region,
			ZoneType: "availability-zone", State: api.AvailabilityZoneStateAvailable,
			OptInStatus: api.AvailabilityZoneOptInStatusOptInNotRequired, Messages: []api.AvailabilityZoneMessage{},
		}
		if asked(in.ZoneNames, zone.Name) && asked(in.ZoneIds, zone.ID) && passes(&described) {
			out.AvailabilityZones = append(out.AvailabilityZones, described)
		}
	}
	for _, name := range in.ZoneNames {
		if !slices.Contains(names, name) {
			return nil, wire.Errorf("InvalidParameterValue", "Invalid availability zone: [%s]", name)
		}
	}
	for _, id := range in.ZoneIds {
		if !slices.Contains(ids, id) {
			return nil, wire.Errorf("InvalidParameterValue", "Invalid availability zone-id: [%s]", id)
		}
	}
	return out, nil
}

// asked reports whether a list of those wanted, which may be absent, wants this one.
func asked(wanted []string, this string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, this)
}
