package parameterstore

import (
	"regexp"
	"strconv"
	"strings"

	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxLevels is how deep a hierarchy may be; maxARN how long a parameter's ARN.
const (
	maxLevels = 15
	maxARN    = 1011
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

func validation(format string, args ...any) error {
	return wire.Errorf("ValidationException", format, args...)
}

// badName is AWS's text for what can't name a parameter.
const badName = `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive). ` +
	"If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_"

// checkName checks the name of a parameter that is to be made.
func checkName(scope store.Scope, name string) error {
	first, _, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(name, "/")), "/")
	reserved := strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm")
	switch {
	case reserved && strings.HasPrefix(name, "/"):
		return wire.Errorf("AccessDeniedException", "No access to reserved parameter name: %s.", name)
	case reserved, !nameForm.MatchString(name), strings.Contains(name, "//"), strings.HasSuffix(name, "/"):
		return validation("%s", badName)
	case !strings.HasPrefix(name, "/") && strings.Contains(name, "/"):
		return validation("Parameter name must be a fully qualified name.")
	case strings.Count(strings.TrimPrefix(name, "/"), "/") >= maxLevels:
		return wire.Errorf(api.HierarchyLevelLimitExceededException, "A hierarchy can have a maximum of %d levels.", maxLevels)
	case len(arnOf(scope, name)) > maxARN:
		return validation("Parameter name is too long: the parameter's ARN can have at most %d characters.", maxARN)
	}
	return nil
}

// arnOf is a parameter's ARN, in which a name with a slash before it looks as one without.
func arnOf(scope store.Scope, name string) string {
	return arnPrefix(scope) + strings.TrimPrefix(name, "/")
}

func arnPrefix(scope store.Scope) string {
	return "arn:aws:ssm:" + scope.Region + ":" + scope.Account + ":parameter/"
}

// names are those that a name or an ARN may mean.
func names(scope store.Scope, asked string) []string {
	if rest, ok := strings.CutPrefix(asked, arnPrefix(scope)); ok && rest != "" {
		return []string{"/" + rest, rest}
	}
	return []string{asked} // also the ARN of another account or region: no parameter is called so
}

// split takes a selector, if there is one, from a name or an ARN.
func split(asked string) (name, selector string) {
	start := 0
	if strings.HasPrefix(asked, "arn:") {
		start = strings.LastIndexByte(asked, '/') + 1
	}
	if i := strings.IndexByte(asked[start:], ':'); i >= 0 {
		return asked[:start+i], asked[start+i:]
	}
	return asked, ""
}

var errNotFound = wire.Errorf(api.ParameterNotFound, "")

func noVersion(name, selector string) error {
	if _, err := strconv.ParseInt(selector, 10, 64); err != nil {
		return wire.Errorf(api.ParameterVersionNotFound, "Systems Manager could not find label %s of %s. Verify the label and try again.", selector, name)
	}
	return wire.Errorf(api.ParameterVersionNotFound, "Systems Manager could not find version %s of %s. Verify the version and try again.", selector, name)
}

// find returns the version that a name or an ARN means, with or without ":version" or ":label".
func (s *Service) find(scope store.Scope, asked string) (found, error) {
	name, selector := split(asked)
	f := found{scope: scope, asked: name, selector: selector}
	for _, candidate := range names(scope, name) {
		if row, ok := s.parameters.Get(scope, candidate); ok {
			f.name, f.row = candidate, row.Value
			break
		}
	}
	if f.row == nil {
		return f, errNotFound
	}
	number := f.row.Latest.Number
	if selector != "" {
		var err error
		if number, err = f.row.number(selector[1:]); err != nil {
			return f, noVersion(f.name, selector[1:])
		}
	}
	v, ok := s.version(f, number)
	if !ok {
		return f, noVersion(f.name, selector[1:])
	}
	f.version = v
	return f, nil
}

// number is that of the version which a number or a label names.
func (p *parameter) number(selector string) (int64, error) {
	if number, ok := p.Labels[selector]; ok {
		return number, nil
	}
	return strconv.ParseInt(selector, 10, 64)
}

// version returns a version by its number.
func (s *Service) version(f found, number int64) (*version, bool) {
	if number == f.row.Latest.Number {
		return &f.row.Latest, true
	}
	row, ok := s.past.Get(f.scope, pastID(f.name, number))
	return row.Value, ok
}
