package acm

import (
	"errors"
	"strings"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// ErrNotFound is the error of Certificate when there is no such certificate.
var ErrNotFound = errors.New("the certificate does not exist")

// The errors of Certificate Manager. Codes and texts are those of the API: clients match them.
var (
	errSeveral   = invalid("The certificate field contains more than one certificate. You can specify only one certificate in this field.")
	errUnparsed  = invalid("Unable to parse certificate. Please ensure the certificate is in PEM format.")
	errEncrypted = invalid("Your private key should not be encrypted.")
	errKey       = invalid("The private key is not supported.")
	errKeyLength = invalid("The private key length is not supported for key algorithm.")
	errOtherKey  = invalid("The private key does not match the certificate.")
	errToken     = invalid("The provided NextToken is invalid.")
	errSort      = invalid("If you specify a SortBy, then you must also specify a SortOrder.")
	errRetagged  = wire.Errorf(api.InvalidParameterException, "Tagging is not permitted on re-import.")
	errTooMany   = wire.Errorf(api.TooManyTagsException, "The certificate would have too many tags: it can have at most %d.", maxTags)
)

func invalid(format string, args ...any) *wire.Error {
	return wire.Errorf(api.ValidationException, format, args...)
}

func badParameter(format string, args ...any) *wire.Error {
	return wire.Errorf(api.InvalidParameterException, format, args...)
}

func notFound(arn string) error {
	return wire.Errorf(api.ResourceNotFoundException, "Could not find certificate %s.", arn)
}

func brokenChain(index int) error {
	return invalid("Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, "+
		"followed by any intermediaries in order. The index within the chain of the invalid certificate is: %d", index)
}

// answer puts the store's errors into AWS's words.
func answer(err error) error {
	switch {
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrTooLarge):
		return wire.Errorf(api.LimitExceededException, "%v", err)
	case errors.Is(err, store.ErrConflict):
		return wire.Errorf(api.ConflictException, "Others are changing the same certificate. Wait and try again.")
	}
	return err
}

func arnOf(scope store.Scope, id string) string {
	return "arn:aws:acm:" + scope.Region + ":" + scope.Account + ":certificate/" + id
}

// idOf is the id in a certificate's ARN. One of another account or region is not found.
func idOf(scope store.Scope, arn string) (string, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "acm" {
		return "", wire.Errorf(api.InvalidArnException, "The ARN %s is not that of a certificate.", arn)
	}
	id, ok := strings.CutPrefix(parts[5], "certificate/")
	switch {
	case !ok || id == "":
		return "", wire.Errorf(api.InvalidArnException, "The ARN %s is not that of a certificate.", arn)
	case arnOf(scope, id) != arn:
		return "", notFound(arn)
	}
	return id, nil
}
