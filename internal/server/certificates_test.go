package server

import (
	"context"
	"strings"
	"sync"
	"testing"

	acmapi "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/wire"
)

// TestNoListenerKeepsACertificateThatIsDeleted deletes certificates while listeners are made with them: one of the two fails.
func TestNoListenerKeepsACertificateThatIsDeleted(t *testing.T) {
	w := start(t)
	if err := w.ACM.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx := wire.WithCaller(t.Context(), wire.Caller{Account: account, Region: region, Kind: wire.Root})
	subnets, err := w.VPC.DescribeSubnets(ctx, &ec2.DescribeSubnetsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	create := &elbv2.CreateLoadBalancerInput{Name: "web"}
	for _, s := range subnets.Subnets {
		create.Subnets = append(create.Subnets, s.SubnetId)
	}
	made, err := w.ELB.CreateLoadBalancer(ctx, create)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		w.race(ctx, t, made.LoadBalancers[0].LoadBalancerArn)
	}
}

// race deletes a certificate while a listener is made with it, and deletes the one that is left.
func (w *world) race(ctx context.Context, t *testing.T, lb string) {
	t.Helper()
	requested, err := w.ACM.RequestCertificate(ctx, &acmapi.RequestCertificateRequest{DomainName: "a.localhost", KeyAlgorithm: acmapi.KeyAlgorithmEcPrime256v1})
	if err != nil {
		t.Fatal(err)
	}
	arn, port := requested.CertificateArn, int32(443)
	var listened *elbv2.CreateListenerOutput
	var created, deleted error
	var both sync.WaitGroup
	both.Go(func() {
		listened, created = w.ELB.CreateListener(ctx, &elbv2.CreateListenerInput{
			LoadBalancerArn: lb, Protocol: elbv2.ProtocolEnumHttps, Port: &port, Certificates: []elbv2.Certificate{{CertificateArn: arn}},
			DefaultActions: []elbv2.Action{{Type: elbv2.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbv2.FixedResponseActionConfig{StatusCode: "200"}}},
		})
	})
	both.Go(func() {
		_, deleted = w.ACM.DeleteCertificate(ctx, &acmapi.DeleteCertificateRequest{CertificateArn: arn})
	})
	both.Wait()
	switch {
	case created == nil && deleted == nil:
		t.Fatal("a listener has a certificate that was deleted")
	case created != nil && deleted != nil:
		t.Fatalf("neither is done: %v; %v", created, deleted)
	case created != nil && !strings.Contains(created.Error(), "Certificate '"+arn+"' not found"):
		t.Fatal(created)
	case created != nil:
		return
	case !strings.Contains(deleted.Error(), "is in use"):
		t.Fatal(deleted)
	}
	if _, err := w.ELB.DeleteListener(ctx, &elbv2.DeleteListenerInput{ListenerArn: listened.Listeners[0].ListenerArn}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ACM.DeleteCertificate(ctx, &acmapi.DeleteCertificateRequest{CertificateArn: arn}); err != nil {
		t.Fatal(err)
	}
}
