package secretsmanager

import (
	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/wire"
)

// The errors of Secrets Manager. Codes and texts are those of the API: clients match them.

var (
	errNoSecret   = wire.Errorf(api.ResourceNotFoundException, "Secrets Manager can't find the specified secret.")
	errDeleted    = wire.Errorf(api.InvalidRequestException, "You can't perform this operation on the secret because it was marked for deletion.")
	errToken      = wire.Errorf(api.InvalidNextTokenException, "Invalid pagination token.")
	errTwoValues  = wire.Errorf(api.InvalidParameterException, "You can't specify both a binary secret value and a string secret value in the same secret.")
	errNoValue    = wire.Errorf(api.InvalidRequestException, "You must provide either SecretString or SecretBinary.")
	errDecryption = wire.Errorf(api.DecryptionFailure, "Secrets Manager can't decrypt the protected secret text: Berth does not have the key that it was encrypted with.")
	errNotItself  = wire.Errorf(api.DecryptionFailure, "Secrets Manager can't decrypt the protected secret text: it is damaged.")
)

func invalidParameter(format string, args ...any) error {
	return wire.Errorf(api.InvalidParameterException, format, args...)
}

func noVersion(format string, args ...any) error {
	return wire.Errorf(api.ResourceNotFoundException, "Secrets Manager can't find the specified secret value for "+format, args...)
}
