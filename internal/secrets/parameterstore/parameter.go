package parameterstore

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/berth-dev/berth/api/schema"
	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// parameter is a parameter as it is stored; its id is its name.
type parameter struct {
	Latest version           `json:"latest"`
	Oldest int64             `json:"oldest"` // number of the oldest version that is kept
	Labels map[string]int64  `json:"labels,omitzero"`
	Tags   map[string]string `json:"tags,omitzero"`
}

// version is one version of a parameter; the id of an older one is pastID.
type version struct {
	Number         int64     `json:"number"`
	Type           string    `json:"type"`
	Sealed         []byte    `json:"sealed"`
	Description    string    `json:"description,omitzero"`
	AllowedPattern string    `json:"allowedPattern,omitzero"`
	Tier           string    `json:"tier"`
	KeyID          string    `json:"keyId,omitzero"`
	Modified       time.Time `json:"modified"`
	User           string    `json:"user,omitzero"` // ARN of who made it
}

// maxVersions is how many versions of a parameter are kept: the oldest goes when another comes.
const maxVersions = 100

// copied is a parameter that may be changed.
func (p *parameter) copied() *parameter {
	c := *p
	c.Labels, c.Tags = maps.Clone(p.Labels), maps.Clone(p.Tags)
	return &c
}

// labelsOf are a version's labels, sorted.
func (p *parameter) labelsOf(number int64) (labels []string) {
	for label, of := range p.Labels {
		if of == number {
			labels = append(labels, label)
		}
	}
	slices.Sort(labels)
	return labels
}

// pastID is the id of an older version. Names have no hash sign.
func pastID(name string, number int64) string { return fmt.Sprintf("%s#%d", name, number) }

// about ties a sealed value to its place.
func about(scope store.Scope, name string, number int64) string {
	return fmt.Sprintf("ssm %s %s %d", scope, name, number)
}

// errDecryption is answered for a value that does not open.
var (
	errDecryption = wire.Errorf(api.InvalidKeyId, "The value can't be decrypted: Berth does not have the key that it was encrypted with.")
	errNotItself  = wire.Errorf(api.InternalServerError, "The value can't be decrypted: it is damaged.")
)

// open is a version's value as it is answered: a SecureString that is not asked for in clear stays sealed.
func (s *Service) open(scope store.Scope, name string, v *version, clear bool) (string, error) {
	if v.Type == string(api.ParameterTypeSecureString) && !clear {
		return base64.StdEncoding.EncodeToString(v.Sealed), nil
	}
	opened, err := s.key.Open(v.Sealed, about(scope, name, v.Number))
	switch {
	case errors.Is(err, seal.ErrOtherKey):
		return "", errDecryption
	case err != nil:
		s.log.Error("a parameter's value does not open", "parameter", name, "version", v.Number, "error", err)
		return "", errNotItself
	}
	return string(opened), nil
}

// found is a version of a parameter that was found by a selector.
type found struct {
	scope    store.Scope
	name     string
	asked    string // the name or ARN that it was asked for by
	selector string // ":3", ":label", or empty
	row      *parameter
	version  *version
}

// described is what a found version is answered as.
func (s *Service) described(f found, clear bool) (*api.Parameter, error) {
	value, err := s.open(f.scope, f.name, f.version, clear)
	if err != nil {
		return nil, err
	}
	return &api.Parameter{
		Name: f.asked, Type: api.ParameterType(f.version.Type), Value: value, Version: new(f.version.Number), Selector: f.selector,
		LastModifiedDate: schema.At(f.version.Modified), ARN: arnOf(f.scope, f.name), DataType: dataType,
	}, nil
}

const dataType = "text"
