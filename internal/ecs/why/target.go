package why

import "fmt"

// healthReasons say what the reason codes of a target's health come to.
var healthReasons = map[string]string{
	"Target.ResponseCodeMismatch": "The health check gets an answer, with a status that its matcher does not take.",
	"Target.Timeout":              "The task does not answer the health check in time.",
	"Target.FailedHealthChecks":   "The health check can't connect, or gets no whole answer: nothing listens at that port of the task, or it closes connections.",
	"Elb.InternalError":           "The load balancer could not make the check.",
}

// unhealthyTargets judges a service of which a load balancer finds tasks unhealthy. The verdict goes on a sentence.
func unhealthyTargets(c *ServiceCase) (judgement, bool) {
	var sick []Target
	for _, t := range c.Targets {
		if t.State == "unhealthy" {
			sick = append(sick, t)
		}
	}
	if len(sick) == 0 {
		return judgement{}, false
	}
	first := sick[0]
	j := judgement{verdict: sentence(fmt.Sprintf("%d of its %d targets are unhealthy: %s in %s: %s", len(sick), len(c.Targets), first.Target, first.Group, first.Description)),
		cause: healthReasons[first.Reason],
		next: []string{
			fmt.Sprintf("aws elbv2 describe-target-groups --names %s --query 'TargetGroups[].[HealthCheckProtocol,HealthCheckPort,HealthCheckPath,Matcher]'", first.Group),
			"berth logs " + c.Service.ServiceName + "  # what the tasks say to the check",
		}}
	return j, true
}
