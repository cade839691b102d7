package elb

import (
	"net/netip"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
)

// What an installation has stored is read by every later release: these are the values of this one.
func TestGoldenRows(t *testing.T) {
	data, err := os.ReadFile("testdata/rows.json")
	if err != nil {
		t.Fatal(err)
	}
	type rows struct {
		Balancer loadBalancer `json:"load-balancer"`
		Group    targetGroup  `json:"target-group"`
		Listener listener     `json:"listener"`
		Rule     rule         `json:"rule"`
		Target   target       `json:"target"`
	}
	var got rows
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	tags := []api.Tag{{Key: "team", Value: "blue"}}
	want := rows{
		Balancer: loadBalancer{ID: "app/web/50dc6c495c0c9188", Name: "web", Type: "application", Scheme: "internal", VPC: "vpc-0a",
			DNSName: "internal-web-1a2b3c4d5e.us-east-1.elb.localhost", Addresses: []balancer.Address{{Interface: "eni-0a", Subnet: "subnet-0a",
				CIDR: netip.MustParsePrefix("172.31.0.0/20"), VPCCIDR: netip.MustParsePrefix("172.31.0.0/16"), Zone: "us-east-1a", MAC: "02:00:00:00:00:01",
				IP: netip.MustParseAddr("172.31.0.4"), Gateway: netip.MustParseAddr("172.31.0.1")}},
			Fixed: []netip.Addr{netip.MustParseAddr("172.31.0.4")}, SecurityGroups: []string{"sg-0a"}, Inbound: "on", Attributes: map[string]string{"idle_timeout.timeout_seconds": "7"}, Tags: tags, CreatedAt: at},
		Group: targetGroup{ID: "web/73e2d6bc24d8a067", Name: "web", Protocol: "HTTP", Version: "HTTP1", Port: 80, VPC: "vpc-0a", Target: "ip",
			Check:      check{Enabled: true, Protocol: "HTTP", Port: "traffic-port", Path: "/", Interval: 30, Timeout: 5, Healthy: 5, Unhealthy: 2, Codes: "200"},
			Attributes: map[string]string{"stickiness.enabled": "true"}, Tags: tags, CreatedAt: at},
		Listener: listener{ID: "app/web/50dc6c495c0c9188/f2f7dc8efc522ab2", Balancer: "app/web/50dc6c495c0c9188", Port: 443, Protocol: "HTTPS",
			Policy: "ELBSecurityPolicy-2016-08", Certificates: []string{"arn:aws:acm:us-east-1:000000000000:certificate/1"}, ALPN: "None", Mutual: "off",
			Attributes: map[string]string{"routing.http.response.server.enabled": "false"}, Tags: tags, CreatedAt: at},
		Rule: rule{ID: "app/web/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee", Listener: "app/web/50dc6c495c0c9188/f2f7dc8efc522ab2",
			Balancer: "app/web/50dc6c495c0c9188", Priority: 10,
			Conditions: []api.RuleCondition{{Field: "path-pattern", PathPatternConfig: &api.PathPatternConditionConfig{Values: []string{"/a*"}}}},
			Actions: []api.Action{{Type: "forward", TargetGroupArn: "arn:1", ForwardConfig: &api.ForwardActionConfig{
				TargetGroups: []api.TargetGroupTuple{{TargetGroupArn: "arn:1", Weight: ptr(int32(1))}}, TargetGroupStickinessConfig: &api.TargetGroupStickinessConfig{Enabled: ptr(false)}}}},
			Tags: tags},
		Target: target{Group: "web/73e2d6bc24d8a067", ID: "172.31.0.5", Port: 8080, Zone: "us-east-1a", RegisteredAt: at, DrainingSince: at.Add(time.Hour)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v\nwant\n%+v", got, want)
	}
}
