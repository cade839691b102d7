package balancer

// State is the state of a target's health, as DescribeTargetHealth has it.
type State string

const (
	Initial     State = "initial"
	Healthy     State = "healthy"
	Unhealthy   State = "unhealthy"
	Unused      State = "unused"
	Draining    State = "draining"
	Unavailable State = "unavailable"
)

// Reason is the reason code beside a state.
type Reason string

const (
	RegistrationInProgress   Reason = "Elb.RegistrationInProgress"
	InitialHealthChecking    Reason = "Elb.InitialHealthChecking"
	InternalError            Reason = "Elb.InternalError"
	ResponseCodeMismatch     Reason = "Target.ResponseCodeMismatch"
	Timeout                  Reason = "Target.Timeout"
	FailedHealthChecks       Reason = "Target.FailedHealthChecks"
	NotRegistered            Reason = "Target.NotRegistered"
	NotInUse                 Reason = "Target.NotInUse"
	DeregistrationInProgress Reason = "Target.DeregistrationInProgress"
	InvalidState             Reason = "Target.InvalidState"
	HealthCheckDisabled      Reason = "Target.HealthCheckDisabled"
)

// Health is what is known of a target's health. Reason and Description are empty when it is healthy.
type Health struct {
	State       State
	Reason      Reason
	Description string // "Health checks failed with these codes: [502]"
	// Connections are those that the target has now, requests under way among them.
	Connections int
}
