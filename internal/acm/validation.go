package acm

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	api "github.com/berth-dev/berth/api/acm"
)

// mailboxes are those of a domain to which Certificate Manager writes.
var mailboxes = []string{"admin", "administrator", "hostmaster", "postmaster", "webmaster"}

// validations are how each name of a requested certificate would be proved to be the requester's. All of it counts as done.
func (n named) validations() []api.DomainValidation {
	var all []api.DomainValidation
	for _, name := range n.Names {
		v := api.DomainValidation{DomainName: name, ValidationDomain: name, ValidationMethod: n.Method, ValidationStatus: api.DomainStatusSuccess}
		if over := n.Validators[strings.ToLower(name)]; over != "" {
			v.ValidationDomain = over
		}
		if n.Method == api.ValidationMethodDns {
			v.ResourceRecord = validationRecord(n.scope.Account, name)
		} else {
			domain := strings.TrimPrefix(strings.ToLower(v.ValidationDomain), "*.")
			for _, box := range mailboxes {
				v.ValidationEmails = append(v.ValidationEmails, box+"@"+domain)
			}
		}
		all = append(all, v)
	}
	return all
}

// validationRecord is the record that proves a name to be an account's: always the same, and the same with and without a wildcard.
func validationRecord(account, name string) *api.ResourceRecord {
	domain := strings.TrimPrefix(strings.ToLower(name), "*.")
	name1, value := sha256.Sum256([]byte("name "+account+" "+domain)), sha256.Sum256([]byte("value "+account+" "+domain))
	label := make([]byte, 10)
	for i := range label {
		label[i] = 'a' + value[16+i]%26
	}
	return &api.ResourceRecord{
		Name: "_" + hex.EncodeToString(name1[:16]) + "." + domain + ".", Type: api.RecordTypeCname,
		Value: "_" + hex.EncodeToString(value[:16]) + "." + string(label) + ".acm-validations.aws.",
	}
}
