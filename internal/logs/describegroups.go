package logs

import (
	"context"
	"strings"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// describeLimit is the page size of DescribeLogGroups and DescribeLogStreams when none is given; also the greatest.
const describeLimit = 50

// DescribeLogGroups lists log groups, ordered by name.
func (s *Service) DescribeLogGroups(ctx context.Context, in *api.DescribeLogGroupsRequest) (*api.DescribeLogGroupsResponse, error) {
	out := &api.DescribeLogGroupsResponse{LogGroups: []api.LogGroup{}}
	if len(in.LogGroupIdentifiers) > 0 {
		return out, s.describeNamed(ctx, in, out)
	}
	if in.LogGroupNamePrefix != "" && in.LogGroupNamePattern != "" {
		return nil, wire.Errorf(api.InvalidParameterException, "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	after, err := readNameToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := int(deref(in.Limit))
	if limit == 0 {
		limit = describeLimit
	}
	page := store.Page{After: after, Limit: 200}
	if after == "" && in.LogGroupNamePrefix != "" {
		page.After = before(in.LogGroupNamePrefix)
	}
	for {
		rows, next := s.groups.List(scopeOf(ctx), page)
		for _, row := range rows {
			if in.LogGroupNamePrefix != "" && !strings.HasPrefix(row.ID, in.LogGroupNamePrefix) {
				if row.ID > in.LogGroupNamePrefix {
					return out, nil
				}
				continue
			}
			if !strings.Contains(row.ID, in.LogGroupNamePattern) || in.LogGroupClass != "" && string(in.LogGroupClass) != row.Value.Class {
				continue
			}
			if len(out.LogGroups) == limit {
				out.NextToken = nameToken(out.LogGroups[limit-1].LogGroupName)
				return out, nil
			}
			described, err := s.describe(ctx, row)
			if err != nil {
				return nil, err
			}
			out.LogGroups = append(out.LogGroups, described)
		}
		if next == "" {
			return out, nil
		}
		page.After = next
	}
}

// before is a text that sorts before all those that begin with prefix, and after nearly all that are smaller.
func before(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(prefix[last]-1) + "\x7f"
}

// describeNamed lists the groups that are asked for by name or ARN; those that don't exist are left out.
func (s *Service) describeNamed(ctx context.Context, in *api.DescribeLogGroupsRequest, out *api.DescribeLogGroupsResponse) error {
	for _, identifier := range in.LogGroupIdentifiers {
		name, err := groupName(ctx, identifier)
		if err != nil {
			return err
		}
		row, ok := s.groups.Get(scopeOf(ctx), name)
		if !ok {
			continue
		}
		described, err := s.describe(ctx, row)
		if err != nil {
			return err
		}
		out.LogGroups = append(out.LogGroups, described)
	}
	return nil
}

func (s *Service) describe(ctx context.Context, row store.Row[group]) (api.LogGroup, error) {
	bytes := int64(0)
	for stream, err := range s.journal.Streams(ctx, row.Value.Journal, "", "") {
		if err != nil {
			return api.LogGroup{}, err
		}
		bytes += stream.Bytes
	}
	arn := groupARN(row.Scope, row.ID)
	g := api.LogGroup{
		LogGroupName:              row.ID,
		CreationTime:              new(row.Value.Created),
		MetricFilterCount:         new(int32(0)),
		Arn:                       arn + ":*",
		LogGroupArn:               arn,
		StoredBytes:               new(bytes),
		LogGroupClass:             api.LogGroupClass(row.Value.Class),
		DeletionProtectionEnabled: new(false),
	}
	if row.Value.Retention != 0 {
		g.RetentionInDays = new(row.Value.Retention)
	}
	return g, nil
}
