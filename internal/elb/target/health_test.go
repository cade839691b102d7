package target

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

var first = balancer.TargetKey{ID: "10.0.9.1", Port: 80}

// health is that of the first target as the API tells it.
func health(g *Group) string {
	h := g.Health()[first]
	return fmt.Sprintf("%s %s %s", h.State, h.Reason, h.Description)
}

const (
	saysHealthy  = "healthy  "
	saysInitial  = "initial Elb.InitialHealthChecking Initial health checks in progress"
	saysRefused  = "unhealthy Target.FailedHealthChecks Health checks failed"
	saysTimeout  = "unhealthy Target.Timeout Request timed out"
	saysDraining = "draining Target.DeregistrationInProgress Target deregistration is in progress"
)

func TestHealthOfATargetFollowsItsAnswers(t *testing.T) {
	cases := []struct {
		name   string
		target func(net.Conn)
		change func(*balancer.Group)
		after  time.Duration
		want   string
	}{
		{name: "one passed check makes a new target healthy", target: code(200), want: saysHealthy},
		{name: "one failed check does not make it unhealthy", target: code(500), want: saysInitial},
		{name: "as many as the threshold do, by the code", target: code(502), after: 31 * time.Second, want: "unhealthy Target.ResponseCodeMismatch Health checks failed with these codes: [502]"},
		{name: "refused", after: 31 * time.Second, want: saysRefused},
		{name: "no answer in time", target: hangs, after: 40 * time.Second, want: saysTimeout},
		{name: "a matcher of ranges", target: code(302), change: func(g *balancer.Group) { g.Check.Codes = "200,300-399" }, want: saysHealthy},
		{name: "TCP", target: accepts, change: func(g *balancer.Group) { g.Check.Protocol = balancer.TCP }, want: saysHealthy},
		{name: "HTTP/2", target: code(200), change: func(g *balancer.Group) { g.Version = balancer.HTTP2 }, want: saysHealthy},
		{name: "gRPC with the status that AWS expects", target: grpc("12"), change: isGRPC, want: saysHealthy},
		{name: "gRPC with another", target: grpc("14"), change: isGRPC, after: 31 * time.Second, want: "unhealthy Target.ResponseCodeMismatch Health checks failed with these codes: [14]"},
		{name: "checks switched off", change: func(g *balancer.Group) { g.Check.Enabled = false }, want: "unavailable Target.HealthCheckDisabled Health checks are disabled"},
		{name: "in a zone without load balancer", target: code(200), change: func(g *balancer.Group) { g.Targets[0].Zone = "us-east-1f" },
			want: "unused Target.NotInUse Target is in an Availability Zone that is not enabled for the load balancer"},
		{name: "nobody knows where", target: code(200), change: func(g *balancer.Group) { g.Targets[0].Zone = "" }, want: saysHealthy},
		{name: "in all zones", target: code(200), change: func(g *balancer.Group) { g.Targets[0].Zone = "all" }, want: saysHealthy},
		{name: "deregistered", target: code(200), change: func(g *balancer.Group) { g.Targets[0].DrainingSince = time.Now() }, want: saysDraining},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var machine ground
				machine.is("10.0.9.1:80", c.target)
				spec := described(1)
				if c.change != nil {
					c.change(spec)
				}
				g := New(Config{Dialer: &machine}, spec)
				defer g.Close()
				g.Use(standing)
				time.Sleep(c.after)
				synctest.Wait()
				if got := health(g); got != c.want {
					t.Errorf("health is %q, want %q", got, c.want)
				}
			})
		})
	}
}

func isGRPC(g *balancer.Group) {
	g.Version, g.Check.Codes, g.Check.Path = balancer.GRPC, "12", "/AWS.ALB/healthcheck"
}

func grpc(status string) func(net.Conn) {
	return answers(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/grpc" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer:Grpc-Status", status)
	})
}
