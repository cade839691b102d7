package logship

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/agent/task"
)

// options are a container's awslogs options. Its mode and max-buffer-size concern the spool, and so the engine.
type options struct {
	group, region string
	createGroup   bool
}

var known = []string{"awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group", "mode", "max-buffer-size"}

// optionsOf reads the options, in the words of Docker's awslogs driver where it has some.
func optionsOf(l task.Log) (o options, err error) {
	for _, name := range slices.Sorted(maps.Keys(l.Options)) {
		if !slices.Contains(known, name) {
			return o, fmt.Errorf("log opt '%s' of driver awslogs is not supported by Berth yet (it knows %s)", name, strings.Join(known, ", "))
		}
	}
	o.group, o.region = l.Options["awslogs-group"], l.Options["awslogs-region"]
	switch {
	case o.group == "":
		return o, fmt.Errorf("must specify a value for log opt '%s'", "awslogs-group")
	case o.region == "":
		return o, fmt.Errorf("must specify a value for log opt '%s'", "awslogs-region")
	}
	if text, ok := l.Options["awslogs-create-group"]; ok {
		if o.createGroup, err = strconv.ParseBool(text); err != nil {
			return o, fmt.Errorf("must specify valid value for log opt '%s': %v", "awslogs-create-group", err)
		}
	}
	if mode := l.Options["mode"]; mode != "" && mode != "blocking" && mode != "non-blocking" {
		return o, fmt.Errorf("logger: mode must be blocking or non-blocking, not %q", mode)
	}
	return o, nil
}

// streamOf is the stream's name. Where the definition gives no prefix it is not the container's id, as with Docker, for the stream
// is made before the container is.
func streamOf(l task.Log) string {
	if l.Stream != "" {
		return l.Stream
	}
	return l.Task + "-" + l.Container
}
