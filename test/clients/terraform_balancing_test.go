package clients

import (
	"strings"
	"testing"
)

// TestTerraformOfLoadBalancers applies load balancers with all that hangs on them, finds nothing to change after it, changes
// them and destroys them.
func TestTerraformOfLoadBalancers(t *testing.T) {
	b := withTerraform(t)
	f := terraformOf(t, b, "terraform-balancing")
	f.run("init", "-input=false")
	applied := f.run("apply", "-auto-approve", "-input=false")
	for _, want := range []string{`.us-east-1.elb.localhost"`, `policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"`} {
		if !strings.Contains(applied, want) {
			t.Errorf("apply does not say %s:\n%s", want, applied)
		}
	}
	f.run("plan", "-detailed-exitcode", "-input=false") // fails when there is a difference
	changes := []string{"-input=false", "-var", "path=/health", "-var", "weights=[1,1]", "-var", "idle=30"}
	if out := f.run(append([]string{"apply", "-auto-approve"}, changes...)...); !strings.Contains(out, "0 added, 4 changed, 0 destroyed") {
		t.Errorf("the change is another than that of two groups, a listener and a load balancer:\n%s", out)
	}
	f.run(append([]string{"plan", "-detailed-exitcode"}, changes...)...)
	f.run("destroy", "-auto-approve", "-input=false")
	var left struct {
		LoadBalancers, TargetGroups, NetworkInterfaces []struct{}
	}
	b.AWS(&left, "elbv2", "describe-load-balancers")
	b.AWS(&left, "elbv2", "describe-target-groups")
	b.AWS(&left, "ec2", "describe-network-interfaces", "--filters", "Name=description,Values=ELB*")
	if len(left.LoadBalancers)+len(left.TargetGroups)+len(left.NetworkInterfaces) > 0 {
		t.Errorf("after destroy there are %+v", left)
	}
}
