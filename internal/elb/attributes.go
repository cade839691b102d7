package elb

import (
	"strconv"
	"time"
)

// delay is how long targets of the group drain.
func (g *targetGroup) delay() time.Duration {
	return g.seconds("deregistration_delay.timeout_seconds", 300)
}

// seconds is an attribute of the group that is a number of seconds.
func (g *targetGroup) seconds(attribute string, otherwise int) time.Duration {
	n, err := strconv.Atoi(g.Attributes[attribute])
	if err != nil {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}
