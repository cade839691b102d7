package acm

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const (
	// longestDomain is how long the first name may be: it is the subject's common name.
	longestDomain = 64
	// tokenTime is for how long a repeated request is known by its token.
	tokenTime = time.Hour
)

func refuseMethod(in *api.RequestCertificateRequest) []wire.Refusal {
	if in.ValidationMethod == api.ValidationMethodHttp {
		return []wire.Refusal{{Where: "ValidationMethod", Why: "only CloudFront's certificates are validated by HTTP, and CloudFront is not there", Value: "HTTP"}}
	}
	return nil
}

// RequestCertificate issues a certificate. Repeated within an hour with the same token it changes nothing.
func (s *Service) RequestCertificate(ctx context.Context, in *api.RequestCertificateRequest) (*api.RequestCertificateResponse, error) {
	made, err := requested(in)
	if err != nil {
		return nil, err
	}
	if made.Tags, err = merge(nil, in.Tags); err != nil {
		return nil, err
	}
	scope, id := scopeOf(ctx), uuid.NewString()
	if err := s.fill(made, arnOf(scope, id)); err != nil {
		return nil, err
	}
	made.Created = made.Issued
	create := func(tx *store.Tx) (string, error) { return id, s.certificates.Create(tx, scope, id, made) }
	if in.IdempotencyToken != "" {
		params, err := store.Params(in)
		if err != nil {
			return nil, err
		}
		// Asking for something else with the same token asks for another certificate.
		token := store.Token{Operation: "RequestCertificate", Value: in.IdempotencyToken + "." + params, Params: params, Keep: tokenTime}
		once := create
		create = func(tx *store.Tx) (string, error) {
			return store.Once(tx, scope, token, func() (string, error) { return once(tx) })
		}
	}
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		id, err = create(tx)
		return err
	})
	if err != nil {
		return nil, answer(err)
	}
	return &api.RequestCertificateResponse{CertificateArn: arnOf(scope, id)}, nil
}

// requested reads what a request asks for.
func requested(in *api.RequestCertificateRequest) (*certificate, error) {
	c := &certificate{
		Type: api.CertificateTypeAmazonIssued, Names: []string{in.DomainName}, Method: cmp.Or(in.ValidationMethod, api.ValidationMethodEmail),
		Algorithm: cmp.Or(in.KeyAlgorithm, api.KeyAlgorithmRsa2048), Validators: map[string]string{},
	}
	if len(in.DomainName) > longestDomain {
		return nil, badParameter("The first domain name can be no longer than %d characters.", longestDomain)
	}
	for _, name := range in.SubjectAlternativeNames {
		if !slices.ContainsFunc(c.Names, func(has string) bool { return strings.EqualFold(has, name) }) {
			c.Names = append(c.Names, name)
		}
	}
	if !slices.Contains([]api.KeyAlgorithm{api.KeyAlgorithmRsa2048, api.KeyAlgorithmEcPrime256v1, api.KeyAlgorithmEcSecp384r1}, c.Algorithm) {
		return nil, badParameter("The key algorithm %s is not supported for a public certificate: it is RSA_2048, EC_prime256v1 or EC_secp384r1.", c.Algorithm)
	}
	for _, option := range in.DomainValidationOptions {
		name, over := strings.ToLower(option.DomainName), strings.ToLower(option.ValidationDomain)
		switch {
		case !slices.ContainsFunc(c.Names, func(has string) bool { return strings.EqualFold(has, name) }):
			return nil, wire.Errorf(api.InvalidDomainValidationOptionsException, "The domain name %s of DomainValidationOptions is none of the certificate's.", option.DomainName)
		case name != over && !strings.HasSuffix(name, "."+over):
			return nil, wire.Errorf(api.InvalidDomainValidationOptionsException, "The validation domain %s must be the same as the domain name %s or a superdomain of it.", option.ValidationDomain, option.DomainName)
		}
		c.Validators[name] = over
	}
	c.setOptions(in.Options)
	return c, nil
}

// fill issues what a certificate's record asks for, with a new key, and puts it there.
func (s *Service) fill(c *certificate, arn string) error {
	authority, err := s.signer()
	if err != nil {
		return err
	}
	leaf, key, err := authority.issue(c.Names, c.Algorithm, s.now())
	if err != nil {
		return err
	}
	sealed, err := s.sealKey(key, aboutKey(arn))
	if err != nil {
		return err
	}
	c.Leaf, c.Chain, c.Key, c.Issued = leaf, [][]byte{authority.root.Raw}, sealed, s.now().UTC()
	return nil
}

// aboutKey ties a sealed key to its certificate.
func aboutKey(arn string) string { return "acm " + arn }
