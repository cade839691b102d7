package definition

// Health checks are made this often, in seconds, when the definition does not say.
const (
	healthInterval = 30
	healthTimeout  = 5
	healthRetries  = 3
)

func health(_ *request, c *container) error {
	h := c.HealthCheck
	if h == nil {
		return nil
	}
	if len(h.Command) == 0 || h.Command[0] == "" {
		return invalid("Health check command should not be null or empty for container '%s'", c.Name)
	}
	for _, n := range []struct {
		name        string
		value       *int32
		least, most int32
	}{{"interval", h.Interval, 5, 300}, {"timeout", h.Timeout, 2, 60}, {"retries", h.Retries, 1, 10}, {"startPeriod", h.StartPeriod, 0, 300}} {
		switch {
		case n.value == nil:
		case *n.value < n.least:
			return invalid("Health check %s must be greater than or equal to the minimum allowed value %d for container '%s'", n.name, n.least, c.Name)
		case *n.value > n.most:
			return invalid("Health check %s must be less than or equal to the maximum allowed value %d for container '%s'", n.name, n.most, c.Name)
		}
	}
	return nil
}

const maxIgnoredExitCodes = 50

func restarts(_ *request, c *container) error {
	p := c.RestartPolicy
	switch {
	case p == nil:
	case p.RestartAttemptPeriod != nil && (*p.RestartAttemptPeriod < 60 || *p.RestartAttemptPeriod > 1800):
		return invalid("The 'restartAttemptPeriod' setting for container '%s' must be between 60 and 1800.", c.Name)
	case len(p.IgnoredExitCodes) > maxIgnoredExitCodes:
		return invalid("The 'ignoredExitCodes' setting for container '%s' must have at most %d values.", c.Name, maxIgnoredExitCodes)
	}
	return nil
}
