package tasks

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/berth-dev/berth/test/berthtest"
)

// networkBalancer is a network load balancer before tasks.
type networkBalancer struct {
	*world
	elb  *elb.Client
	vpc  *string
	arn  *string
	name string // by which it is found
}

// networkBalancer makes a network load balancer that keeps to the zones of its two subnets.
func (w *world) networkBalancer() *networkBalancer {
	w.t.Helper()
	s := &networkBalancer{world: w, elb: elb.NewFromConfig(w.SDK())}
	vpcs, err := w.ec2.DescribeVpcs(w.t.Context(), &ec2.DescribeVpcsInput{})
	s.must(err)
	made, err := s.elb.CreateLoadBalancer(w.t.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("streams"), Type: elbtypes.LoadBalancerTypeEnumNetwork,
		Subnets: w.subnets[:2]})
	s.must(err)
	s.vpc, s.arn, s.name = vpcs.Vpcs[0].VpcId, made.LoadBalancers[0].LoadBalancerArn, aws.ToString(made.LoadBalancers[0].DNSName)
	return s
}

func (s *networkBalancer) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// forward has what comes to a port go to port 8080 of the targets, which are checked by HTTP. It returns the group's ARN.
func (s *networkBalancer) forward(port int32, from, to elbtypes.ProtocolEnum, targets ...string) (group string) {
	s.t.Helper()
	made, err := s.elb.CreateTargetGroup(s.t.Context(), &elb.CreateTargetGroupInput{Name: aws.String(strings.ToLower(string(from))), Protocol: to, Port: aws.Int32(8080),
		VpcId: s.vpc, TargetType: elbtypes.TargetTypeEnumIp, HealthCheckProtocol: elbtypes.ProtocolEnumHttp, HealthCheckPath: aws.String("/name"),
		HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(2)})
	s.must(err)
	group = aws.ToString(made.TargetGroups[0].TargetGroupArn)
	var all []elbtypes.TargetDescription
	for _, target := range targets {
		all = append(all, elbtypes.TargetDescription{Id: aws.String(target)})
	}
	_, err = s.elb.RegisterTargets(s.t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: all})
	s.must(err)
	listener := &elb.CreateListenerInput{LoadBalancerArn: s.arn, Protocol: from, Port: &port,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &group}}}
	if from == elbtypes.ProtocolEnumTls {
		issued, err := acm.NewFromConfig(s.SDK()).RequestCertificate(s.t.Context(), &acm.RequestCertificateInput{DomainName: aws.String("streams.example.com")})
		s.must(err)
		listener.Certificates = []elbtypes.Certificate{{CertificateArn: issued.CertificateArn}}
	}
	_, err = s.elb.CreateListener(s.t.Context(), listener)
	s.must(err)
	for _, target := range targets {
		s.healthIs(group, target, "healthy  ")
	}
	return group
}

// healthIs waits until a target's health is as described: its state, reason and description.
func (s *networkBalancer) healthIs(group, target, want string) {
	s.t.Helper()
	berthtest.Eventually(s.t, 30*time.Second, target+" is "+want, func() bool {
		out, err := s.elb.DescribeTargetHealth(s.t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: []elbtypes.TargetDescription{{Id: &target}}})
		s.must(err)
		h := out.TargetHealthDescriptions[0].TargetHealth
		return strings.Join([]string{string(h.State), string(h.Reason), aws.ToString(h.Description)}, " ") == want
	})
}

// clients are what so many ask returns, each answer once, in order.
func clients(n int, ask func() string) (answers []string) {
	for range n {
		answers = append(answers, ask())
	}
	slices.Sort(answers)
	return slices.Compact(answers)
}

// packet is what a socket gets that sends one until it gets an answer.
func (s *networkBalancer) packet(conn net.Conn) string {
	s.t.Helper()
	answer := make([]byte, 100)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		_, _ = conn.Write([]byte("who is it?"))
		s.must(conn.SetReadDeadline(time.Now().Add(time.Second)))
		if n, err := conn.Read(answer); err == nil {
			return string(answer[:n])
		}
	}
	s.t.Fatal("no packet is answered")
	return ""
}

// TestANetworkLoadBalancerInFrontOfTasks asks by UDP and by TLS, from the machine and from a task.
func TestANetworkLoadBalancerInFrontOfTasks(t *testing.T) {
	w := start(t, "--docker", "none")
	var addresses []string
	var task string // where the machine reaches one
	for i, name := range []string{"one", "two"} {
		d := fargate(named(name, "8080"))
		d.Family = aws.String(name)
		in := w.request(d)
		in.NetworkConfiguration.AwsvpcConfiguration.Subnets = w.subnets[i : i+1]
		made := w.until("RUNNING", w.run(in)[0])
		addresses, task = append(addresses, detail(made, "privateIPv4Address")), w.publicIP(made)+":8080"
	}
	s := w.networkBalancer()
	udp := s.forward(5300, elbtypes.ProtocolEnumUdp, elbtypes.ProtocolEnumUdp, addresses...)
	s.forward(8443, elbtypes.ProtocolEnumTls, elbtypes.ProtocolEnumTcp, addresses...)
	both := []string{"one", "two"}

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(w.Run("ca")))
	secure := s.at("tls")
	if got := clients(6, func() string {
		conn, err := tls.Dial("tcp", secure, &tls.Config{RootCAs: roots, ServerName: "streams.example.com"})
		s.must(err)
		defer conn.Close()
		_, err = io.WriteString(conn, "GET /name HTTP/1.0\r\n\r\n")
		s.must(err)
		answer, err := io.ReadAll(conn)
		s.must(err)
		return string(answer[strings.LastIndex(string(answer), "\n")+1:])
	}); !slices.Equal(got, both) {
		t.Errorf("by TLS answer %q", got)
	}

	at := s.at("udp")
	dial := func() net.Conn {
		conn, err := net.Dial("udp", at)
		s.must(err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	if got := clients(6, func() string { return s.packet(dial()) }); !slices.Equal(got, both) {
		t.Errorf("by UDP answer %q", got)
	}
	if got := w.ask(task, "packet", "at", s.name+":5300"); !slices.Contains(both, got) {
		t.Errorf("a task gets %q by UDP", got)
	}

	flow := dial()
	for s.packet(flow) != "one" {
		flow = dial()
	}
	_, err := s.elb.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: &udp, Targets: []elbtypes.TargetDescription{{Id: &addresses[0]}}})
	s.must(err)
	s.healthIs(udp, addresses[0], "draining Target.DeregistrationInProgress Target deregistration is in progress")
	berthtest.Eventually(t, 10*time.Second, "new clients go elsewhere", func() bool {
		return slices.Equal(clients(4, func() string { return s.packet(dial()) }), both[1:])
	})
	if got := s.packet(flow); got != "one" {
		t.Errorf("while its target drains a client that was there before gets %q", got)
	}
	_, err = s.elb.ModifyTargetGroupAttributes(t.Context(), &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &udp,
		Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("0")}}})
	s.must(err)
	s.healthIs(udp, addresses[0], "unused Target.NotRegistered Target is not registered to the target group")
	if got := s.packet(flow); got != "two" {
		t.Errorf("once the delay is over it gets %q", got)
	}

	_, err = s.elb.SetSubnets(t.Context(), &elb.SetSubnetsInput{LoadBalancerArn: s.arn, Subnets: w.subnets[1:2]})
	s.must(err)
	if got := s.packet(dial()); got != "two" {
		t.Errorf("after it left a subnet %q answers", got)
	}
}

// at is where the machine has the listener of a protocol.
func (s *networkBalancer) at(scheme string) string {
	s.t.Helper()
	for _, field := range strings.Fields(s.Run("lb", "ls")) {
		if port, ok := strings.CutPrefix(field, scheme+"://"+s.name+":"); ok {
			return net.JoinHostPort("127.0.0.1", port)
		}
	}
	s.t.Fatalf("no listener for %s is published", scheme)
	return ""
}
