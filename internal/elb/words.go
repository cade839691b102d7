package elb

import (
	"strings"

	"github.com/berth-dev/berth/internal/wire"
)

// ownWords tells of a constraint that is broken as Elastic Load Balancing does: members' names begin with a small letter.
func ownWords(_ string, broken wire.Violation) *wire.Error {
	names := strings.Split(broken.Path, ".")
	for i, name := range names {
		if name != "" {
			names[i] = strings.ToLower(name[:1]) + name[1:]
		}
	}
	broken.Path = strings.Join(names, ".")
	return wire.Errorf("ValidationError", "1 validation error detected: %v", broken)
}
