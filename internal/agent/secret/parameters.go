package secret

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/agent/task"
)

// maxNames is how many parameters GetParameters takes.
const maxNames = 10

// parameters reads up to ten parameters, by their names or ARNs, with or without ":version" or ":label".
func (a *attempt) parameters(ctx context.Context, b *batch) (map[task.SecretRef]string, error) {
	in := &ssm.GetParametersRequest{WithDecryption: new(true)}
	for _, ref := range b.refs {
		in.Names = append(in.Names, ref.ValueFrom)
	}
	out, err := call(ctx, a, ssm.GetParameters, in)
	if err != nil {
		return nil, a.ofParameters(err)
	}
	values := map[task.SecretRef]string{}
	var missing []string
	for _, ref := range b.refs {
		i := slices.IndexFunc(out.Parameters, func(p ssm.Parameter) bool {
			return p.Name+p.Selector == ref.ValueFrom || p.ARN+p.Selector == ref.ValueFrom
		})
		if i < 0 {
			missing = append(missing, ref.ValueFrom)
			continue
		}
		values[ref] = out.Parameters[i].Value
	}
	if len(missing) > 0 {
		return nil, a.missing(missing)
	}
	return values, nil
}

// missing is the error of parameters that are not there.
func (a *attempt) missing(names []string) error {
	if a.fargate() {
		return a.ofParameters(fmt.Errorf("invalid ssm parameters: %s", strings.Join(names, ", ")))
	}
	return a.ofParameters(fmt.Errorf("invalid parameters: %s", strings.Join(names, ",")))
}
