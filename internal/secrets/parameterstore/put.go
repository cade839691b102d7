package parameterstore

import (
	"cmp"
	"context"
	"errors"
	"regexp"

	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const (
	maxStandard = 4 << 10 // bytes of a value
	maxAdvanced = 8 << 10
	defaultKey  = "alias/aws/ssm"

	moreAbout = " For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
)

// PutParameter makes a parameter, or a version of one that is there.
func (s *Service) PutParameter(ctx context.Context, in *api.PutParameterRequest) (*api.PutParameterResult, error) {
	scope := scopeOf(ctx)
	if err := checkName(scope, in.Name); err != nil {
		return nil, err
	}
	if err := checkPattern(in); err != nil {
		return nil, err
	}
	tags, err := merge(nil, in.Tags)
	switch {
	case err != nil:
		return nil, err
	case len(in.Tags) > 0 && deref(in.Overwrite):
		return nil, validation("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. " +
			"To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	}
	var made version
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		old, ok := s.parameters.GetTx(tx, scope, in.Name)
		p := &parameter{Oldest: 1, Tags: tags}
		if ok {
			if !deref(in.Overwrite) {
				return wire.Errorf(api.ParameterAlreadyExists, "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
			}
			p = old.copied()
		}
		next, err := s.next(ctx, in, p.Latest)
		if err != nil {
			return err
		}
		if ok {
			if err := s.archive(tx, scope, in.Name, p); err != nil {
				return err
			}
		}
		p.Latest, made = next, next
		return s.parameters.Put(tx, scope, in.Name, p)
	})
	if err != nil {
		return nil, answer(err)
	}
	return &api.PutParameterResult{Version: new(made.Number), Tier: api.ParameterTier(made.Tier)}, nil
}

// next is the version that a request makes after another, which is the zero one for a new parameter. What the request does not say of
// type, description and key stays as it is: Terraform sends what has changed.
func (s *Service) next(ctx context.Context, in *api.PutParameterRequest, before version) (version, error) {
	v := version{Number: before.Number + 1, Type: string(in.Type), Description: before.Description, AllowedPattern: in.AllowedPattern,
		Modified: s.now().UTC(), User: wire.CallerOf(ctx).ARN}
	if v.Type == "" {
		if v.Type = before.Type; v.Type == "" {
			return v, validation("A parameter type is required when you create a parameter.")
		}
	}
	if in.Description != nil {
		v.Description = *in.Description
	}
	switch {
	case v.Type == string(api.ParameterTypeSecureString):
		v.KeyID = cmp.Or(in.KeyId, before.KeyID, defaultKey)
	case in.KeyId != "":
		return v, validation("KeyId is only supported for SecureString parameters.")
	}
	var err error
	if v.Tier, err = tierOf(in, before.Tier); err != nil {
		return v, err
	}
	v.Sealed, err = s.key.Seal([]byte(in.Value), about(scopeOf(ctx), in.Name, v.Number))
	return v, err
}

// tierOf is the tier of a version, whose size it bounds.
func tierOf(in *api.PutParameterRequest, before string) (string, error) {
	tier := in.Tier
	if tier == "" {
		tier = api.ParameterTier(before)
	}
	const standard, advanced = api.ParameterTierStandard, api.ParameterTierAdvanced
	switch {
	case tier == api.ParameterTierIntelligentTiering && (len(in.Value) > maxStandard || before == string(advanced)):
		tier = advanced
	case tier == "" || tier == api.ParameterTierIntelligentTiering:
		tier = standard
	}
	switch {
	case tier == standard && before == string(advanced):
		return "", validation("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the " +
			"standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter." + moreAbout)
	case tier == standard && len(in.Value) > maxStandard:
		return "", validation("Standard tier parameters support a maximum parameter value of %d characters. To create a larger parameter value, upgrade the "+
			"parameter to use the advanced-parameter tier."+moreAbout, maxStandard)
	case len(in.Value) > maxAdvanced:
		return "", validation("Advanced tier parameters support a maximum parameter value of %d characters."+moreAbout, maxAdvanced)
	}
	return string(tier), nil
}

// checkPattern checks a value against the pattern that comes with it.
func checkPattern(in *api.PutParameterRequest) error {
	if in.AllowedPattern == "" {
		return nil
	}
	pattern, err := regexp.Compile(`^(?:` + in.AllowedPattern + `)$`)
	if err != nil {
		return wire.Errorf(api.InvalidAllowedPatternException, "The request does not meet the regular expression requirement: %v", err)
	}
	if !pattern.MatchString(in.Value) {
		return wire.Errorf(api.ParameterPatternMismatchException, "Parameter value, cannot be validated against allowedPattern: %s", in.AllowedPattern)
	}
	return nil
}

// archive makes the latest version one of the past, of which the oldest goes when they are too many.
func (s *Service) archive(tx *store.Tx, scope store.Scope, name string, p *parameter) error {
	past := p.Latest
	if err := s.past.Put(tx, scope, pastID(name, past.Number), &past); err != nil {
		return err
	}
	if past.Number-p.Oldest+2 <= maxVersions {
		return nil
	}
	if labels := p.labelsOf(p.Oldest); len(labels) > 0 {
		return wire.Errorf(api.ParameterMaxVersionLimitExceeded, "You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. "+
			"Version %d, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.", name, p.Oldest)
	}
	err := s.past.Delete(tx, scope, pastID(name, p.Oldest))
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	p.Oldest++
	return err
}
