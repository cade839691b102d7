package wire

import (
	"errors"
	"fmt"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
	"github.com/berth-dev/berth/internal/wire/sigv4"
)

// dialect is how a protocol says what the wire layer itself refuses. The codes
// and statuses are AWS's; they differ by protocol, and EC2 has its own.
type dialect struct {
	missing, incomplete, mismatch, expired, unknownKey, expiredToken verdict
	unknownOperation, malformed, tooLarge, internal                  verdict

	unknownKeyText string // EC2 says one thing for all of these
	coral          bool   // constraints in the words of "1 validation error detected"
}

type verdict struct {
	code   string
	status int
}

const invalidToken = "The security token included in the request is invalid."

var jsonDialect = &dialect{
	missing:          verdict{"MissingAuthenticationTokenException", 400},
	incomplete:       verdict{"IncompleteSignatureException", 400},
	mismatch:         verdict{"InvalidSignatureException", 400},
	expired:          verdict{"InvalidSignatureException", 400},
	unknownKey:       verdict{"UnrecognizedClientException", 400},
	expiredToken:     verdict{"ExpiredTokenException", 400},
	unknownOperation: verdict{"UnknownOperationException", 400},
	malformed:        verdict{"SerializationException", 400},
	tooLarge:         verdict{"RequestEntityTooLargeException", 413},
	internal:         verdict{"InternalFailure", 500},
	unknownKeyText:   invalidToken,
	coral:            true,
}

var queryDialect = &dialect{
	missing:          verdict{"MissingAuthenticationToken", 403},
	incomplete:       verdict{"IncompleteSignature", 403},
	mismatch:         verdict{"SignatureDoesNotMatch", 403},
	expired:          verdict{"SignatureDoesNotMatch", 403},
	unknownKey:       verdict{"InvalidClientTokenId", 403},
	expiredToken:     verdict{"ExpiredToken", 403},
	unknownOperation: verdict{"InvalidAction", 400},
	malformed:        verdict{"MalformedInput", 400},
	tooLarge:         verdict{"RequestEntityTooLarge", 413},
	internal:         verdict{"InternalFailure", 500},
	unknownKeyText:   invalidToken,
	coral:            true,
}

var ec2Dialect = &dialect{
	missing:          verdict{"MissingAuthenticationToken", 403},
	incomplete:       verdict{"IncompleteSignature", 400},
	mismatch:         verdict{"AuthFailure", 401},
	expired:          verdict{"RequestExpired", 400},
	unknownKey:       verdict{"AuthFailure", 401},
	expiredToken:     verdict{"RequestExpired", 400},
	unknownOperation: verdict{"InvalidAction", 400},
	malformed:        verdict{"MalformedQueryString", 400},
	tooLarge:         verdict{"RequestEntityTooLarge", 413},
	internal:         verdict{"InternalError", 500},
	unknownKeyText:   "AWS was not able to validate the provided access credentials",
}

// restDialect is JSON's with the status that the REST services give.
var restDialect = func() *dialect {
	d := *jsonDialect
	for _, v := range []*verdict{&d.missing, &d.incomplete, &d.mismatch, &d.expired, &d.unknownKey, &d.expiredToken} {
		v.status = 403
	}
	d.unknownOperation.status = 404
	return &d
}()

var dialects = map[schema.Protocol]*dialect{
	schema.JSON10: jsonDialect, schema.JSON11: jsonDialect, schema.CBOR: jsonDialect,
	schema.Query: queryDialect, schema.EC2: ec2Dialect,
	schema.RESTJSON: restDialect, schema.RESTXML: restDialect,
}

func (v verdict) error(format string, args ...any) *Error {
	return &Error{Code: v.code, Message: fmt.Sprintf(format, args...), Status: v.status}
}

// authFault is the answer to a request whose signature was refused.
func (d *dialect) authFault(err error) *Error {
	var aws *Error
	var sig *sigv4.Error
	switch {
	case errors.As(err, &aws):
		return aws
	case errors.Is(err, ErrUnknownKey):
		return d.unknownKey.error("%s", d.unknownKeyText)
	case errors.Is(err, ErrExpiredToken):
		return d.expiredToken.error("The security token included in the request is expired")
	case !errors.As(err, &sig):
		return nil
	}
	switch sig.Reason {
	case sigv4.Missing:
		return d.missing.error("%s", sig.Message)
	case sigv4.Incomplete:
		return d.incomplete.error("%s", sig.Message)
	case sigv4.Expired, sigv4.Early:
		return d.expired.error("%s", sig.Message)
	}
	if d == ec2Dialect && sig.Reason == sigv4.Mismatch {
		return d.mismatch.error("%s", d.unknownKeyText)
	}
	return d.mismatch.error("%s", sig.Message)
}

// invalid is the answer to an input that breaks constraints.
func (d *dialect) invalid(svc *Service, operation string, found []codec.Violation) *Error {
	for _, v := range found {
		if svc.words == nil {
			break
		}
		if own := svc.words(operation, v); own != nil {
			return own
		}
	}
	api := svc.api
	if d.coral {
		text, s := "", ""
		for i, v := range found {
			if i > 0 {
				text, s = text+"; ", "s"
			}
			text += v.String()
		}
		return Errorf(api.Invalid, "%d validation error%s detected: %s", len(found), s, text)
	}
	v := found[0]
	if v.Missing {
		return Errorf("MissingParameter", "The request must contain the parameter %s", v.Path)
	}
	return Errorf(api.Invalid, "Value (%s) for parameter %s is invalid. %s", v.Value, v.Path, v.Constraint)
}
