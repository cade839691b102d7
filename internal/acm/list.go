package acm

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxList is how many certificates a page has where it is not told.
const maxList = 1000

// ListCertificates lists certificates. As on AWS those with keys other than RSA of 1024 and 2048 bits are left out unless their kind
// is asked for.
func (s *Service) ListCertificates(ctx context.Context, in *api.ListCertificatesRequest) (*api.ListCertificatesResponse, error) {
	if (in.SortBy == "") != (in.SortOrder == "") {
		return nil, errSort
	}
	includes := api.Filters{}
	if in.Includes != nil {
		includes = *in.Includes
	}
	what := []string{"ListCertificates", fmt.Sprint(in.CertificateStatuses, includes), string(in.SortBy), string(in.SortOrder)}
	after, ok := wire.After(in.NextToken, what...)
	if !ok {
		return nil, errToken
	}
	all, err := s.listed(scopeOf(ctx), in, includes)
	if err != nil {
		return nil, err
	}
	limit := maxList
	if in.MaxItems != nil {
		limit = int(*in.MaxItems)
	}
	out := &api.ListCertificatesResponse{CertificateSummaryList: []api.CertificateSummary{}}
	seen := after == ""
	for _, n := range all {
		key := n.rank(in.SortBy)
		if !seen {
			seen = beyond(key, after, in.SortOrder)
		}
		if !seen {
			continue
		}
		if len(out.CertificateSummaryList) == limit {
			return out, nil
		}
		out.CertificateSummaryList = append(out.CertificateSummaryList, s.summary(n))
		out.NextToken = wire.NextToken(key, what...)
	}
	out.NextToken = ""
	return out, nil
}

// rank is what a certificate is listed by: a text that sorts as it does.
func (n named) rank(by api.SortBy) string {
	if by == api.SortByCreatedAt {
		return n.Created.UTC().Format("2006-01-02T15:04:05.000000000") + " " + n.id
	}
	return n.id
}

func beyond(key, after string, order api.SortOrder) bool {
	if order == api.SortOrderDescending {
		return key < after
	}
	return key > after
}

// listed are all that a request asks for, in its order.
func (s *Service) listed(scope store.Scope, in *api.ListCertificatesRequest, includes api.Filters) (all []named, err error) {
	rows, _ := s.certificates.List(scope, store.Page{})
	for _, row := range rows {
		n, err := read(row)
		if err != nil {
			return nil, err
		}
		if n.included(includes) && (len(in.CertificateStatuses) == 0 || slices.Contains(in.CertificateStatuses, n.status(s.now()))) {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b named) int {
		order := cmp.Compare(a.rank(in.SortBy), b.rank(in.SortBy))
		if in.SortOrder == api.SortOrderDescending {
			return -order
		}
		return order
	})
	return all, nil
}

// included says whether a certificate passes the filters.
func (n named) included(f api.Filters) bool {
	algorithm, _ := keyAlgorithm(n.leaf.PublicKey)
	kinds := f.KeyTypes
	if len(kinds) == 0 {
		kinds = []api.KeyAlgorithm{api.KeyAlgorithmRsa1024, api.KeyAlgorithmRsa2048}
	}
	usages, purposes := keyUsages(n.leaf), extendedKeyUsages(n.leaf)
	return slices.Contains(kinds, algorithm) && f.ManagedBy == "" && len(n.names()) > 0 &&
		(f.ExportOption == "" || n.options().Export == f.ExportOption) &&
		!slices.ContainsFunc(f.KeyUsage, func(want api.KeyUsageName) bool { return !slices.Contains(usages, want) }) &&
		!slices.ContainsFunc(f.ExtendedKeyUsage, func(want api.ExtendedKeyUsageName) bool {
			return !slices.ContainsFunc(purposes, func(has api.ExtendedKeyUsage) bool { return has.Name == want })
		})
}

func (s *Service) summary(n named) api.CertificateSummary {
	d := s.detail(n)
	sum := api.CertificateSummary{
		CertificateArn: d.CertificateArn, DomainName: d.DomainName, SubjectAlternativeNameSummaries: d.SubjectAlternativeNames,
		HasAdditionalSubjectAlternativeNames: new(false), Status: d.Status, Type: d.Type, KeyAlgorithm: d.KeyAlgorithm, KeyUsages: keyUsages(n.leaf),
		ExportOption: d.Options.Export, InUse: new(len(d.InUseBy) > 0), RenewalEligibility: d.RenewalEligibility,
		NotBefore: d.NotBefore, NotAfter: d.NotAfter, CreatedAt: d.CreatedAt, IssuedAt: d.IssuedAt, ImportedAt: d.ImportedAt,
	}
	if n.requested() {
		sum.Exported = new(!n.Exported.IsZero())
	}
	for _, usage := range d.ExtendedKeyUsages {
		sum.ExtendedKeyUsages = append(sum.ExtendedKeyUsages, usage.Name)
	}
	if names := sum.SubjectAlternativeNameSummaries; len(names) > 100 {
		sum.SubjectAlternativeNameSummaries, sum.HasAdditionalSubjectAlternativeNames = names[:100], new(true)
	}
	return sum
}
