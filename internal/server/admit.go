package server

import (
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/schema"
)

// growing are the beginnings of the names of operations that leave more to keep than there was.
var growing = []string{"Create", "Put", "Register", "Run", "Start", "Tag", "Update"}

// admit refuses what needs room while there is none. Reading, ending, deleting and reporting go on, for that is how room is
// made; so does the registration of machines, without whose agents no task would end.
func (s *Server) admit(op *schema.Operation) error {
	grows := slices.ContainsFunc(growing, func(verb string) bool { return strings.HasPrefix(op.Name, verb) })
	if s.config.Room == nil || !grows || op.Name == "RegisterContainerInstance" {
		return nil
	}
	return s.config.Room()
}
