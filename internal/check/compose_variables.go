package check

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
)

// variables are those that Docker would put into a compose file: the process's own, over those of the file .env beside it.
func variables(dir string) (types.Mapping, error) {
	own := types.NewMapping(os.Environ())
	file := filepath.Join(dir, ".env")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return own, nil
	}
	all, err := dotenv.GetEnvFromFile(own, []string{file})
	if err != nil {
		return nil, fmt.Errorf("the variables of the file .env beside it: %w", err)
	}
	maps.Copy(all, own)
	return all, nil
}

// stands is the value of a variable that must have one and has none here: it may where the file is used. It can be a name, a
// number and a port.
const stands = "1"

// substitute puts variables into a text of a compose file.
func substitute(text string, values template.Mapping) (string, error) {
	lacking := map[string]bool{}
	for {
		out, err := template.SubstituteWithOptions(text, func(name string) (string, bool) {
			if lacking[name] {
				return stands, true
			}
			return values(name)
		}, template.WithoutLogging)
		var missing *template.MissingRequiredError
		if !errors.As(err, &missing) || lacking[missing.Variable] {
			return out, err
		}
		lacking[missing.Variable] = true
	}
}
