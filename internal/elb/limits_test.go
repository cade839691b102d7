package elb

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/berth-dev/berth/internal/store"
)

func TestAnAccountHasABoundOfLoadBalancers(t *testing.T) {
	f := newFixture(t)
	first := f.networked("lb0")
	errs := make(chan error)
	for n := range maxBalancers + 10 { // at once: none may slip in beside another
		go func() {
			_, err := f.CreateLoadBalancer(t.Context(), &sdk.CreateLoadBalancerInput{Name: aws.String(fmt.Sprintf("lb%d", n+1)),
				Type: types.LoadBalancerTypeEnumNetwork, Subnets: []string{"subnet-a"}})
			errs <- err
		}()
	}
	made := 1
	for range maxBalancers + 10 {
		if err := <-errs; err == nil {
			made++
		} else {
			wantError(t, err, "TooManyLoadBalancers", "The maximum number of load balancers has been reached")
		}
	}
	if made != maxBalancers {
		t.Errorf("%d were made", made)
	}
	if again := f.networked("lb0"); again != first {
		t.Errorf("the same again is %s, not %s", again, first)
	}
	_, err := f.CreateLoadBalancer(t.Context(), &sdk.CreateLoadBalancerInput{Name: aws.String("lb0"), Type: types.LoadBalancerTypeEnumNetwork, Subnets: []string{"subnet-b"}})
	wantError(t, err, "DuplicateLoadBalancerName", "A load balancer with the same name 'lb0' exists, but with different settings")
	f.application("web") // they are counted by type
}

func TestAnAccountHasABoundOfTargetGroups(t *testing.T) {
	f := newFixture(t)
	first := f.targets("web", types.ProtocolEnumHttp)
	for n := 1; n < maxGroups; n += 100 {
		f.tx(func(tx *store.Tx) error {
			for at := n; at < min(n+100, maxGroups); at++ {
				g := &targetGroup{ID: fmt.Sprintf("g%d/%d", at, at), Name: fmt.Sprintf("g%d", at)}
				if err := f.service.tables.groups.Create(tx, here, g.ID, g); err != nil {
					return err
				}
			}
			return nil
		})
	}
	in := &sdk.CreateTargetGroupInput{Name: aws.String("more"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String(vpc), TargetType: types.TargetTypeEnumIp}
	_, err := f.CreateTargetGroup(t.Context(), in)
	wantError(t, err, "TooManyTargetGroups", "The maximum number of target groups has been reached")
	if again := f.targets("web", types.ProtocolEnumHttp); again != first {
		t.Errorf("the same again is %s, not %s", again, first)
	}
	in.Name, in.Port = aws.String("web"), aws.Int32(81)
	_, err = f.CreateTargetGroup(t.Context(), in)
	wantError(t, err, "DuplicateTargetGroupName", "A target group with the same name 'web' exists, but with different settings")
}
