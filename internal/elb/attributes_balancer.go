package elb

import (
	"context"
	"regexp"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
)

// The attributes of load balancers.
const (
	accessLogs         = "access_logs.s3.enabled"
	accessLogsBucket   = "access_logs.s3.bucket"
	accessLogsPrefix   = "access_logs.s3.prefix"
	deletionProtection = "deletion_protection.enabled"
	crossZone          = "load_balancing.cross_zone.enabled"
	idleTimeout        = "idle_timeout.timeout_seconds"
	clientKeepAlive    = "client_keep_alive.seconds"
	http2Enabled       = "routing.http2.enabled"
	dropInvalid        = "routing.http.drop_invalid_header_fields.enabled"
	preserveHost       = "routing.http.preserve_host_header.enabled"
	tlsHeaders         = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled"
	clientPort         = "routing.http.xff_client_port.enabled"
	forwardedFor       = "routing.http.xff_header_processing.mode"
	desyncMode         = "routing.http.desync_mitigation_mode"
)

// Why attributes are refused.
const (
	whyNoS3     = "there is no S3 to keep logs in"
	whyNoLogs   = "there is no S3 to keep logs in; with `berth dev --access-logs DIR`, buckets are directories in DIR"
	whyNoShift  = "zones are not shifted away from"
	whyNoIPv6   = "VPCs have no IPv6"
	whyNoWAF    = "there is no WAF"
	whyNoZonal  = "names have no addresses by zone"
	whyNoSecond = "interfaces have one address"
)

func logsIn(prefix, why string) attributes {
	return attributes{
		boolean(prefix+".s3.enabled", "false").refusing(why), text(prefix + ".s3.bucket"), text(prefix + ".s3.prefix"),
	}
}

var applicationAttributes = append(append(append(logsIn("access_logs", whyNoLogs), logsIn("connection_logs", whyNoS3)...), logsIn("health_check_logs", whyNoS3)...),
	number(clientKeepAlive, 3600, 60, 604800),
	boolean(deletionProtection, "false"),
	number(idleTimeout, 60, 1, 4000),
	boolean("ipv6.deny_all_igw_traffic", "false").refusing(whyNoIPv6),
	oneOf(crossZone, "true"),
	oneOf(desyncMode, "defensive", "monitor", "strictest"),
	boolean(dropInvalid, "false"),
	boolean(preserveHost, "false"),
	boolean(tlsHeaders, "false"),
	boolean(clientPort, "false"),
	oneOf(forwardedFor, "append", "preserve", "remove"),
	boolean(http2Enabled, "true"),
	boolean("waf.fail_open.enabled", "false").refusing(whyNoWAF),
	boolean("zonal_shift.config.enabled", "false").refusing(whyNoShift),
)

var networkAttributes = append(logsIn("access_logs", "connections are not logged"),
	boolean(deletionProtection, "false"),
	oneOf("dns_record.client_routing_policy", "any_availability_zone", "availability_zone_affinity", "partial_availability_zone_affinity").refusing(whyNoZonal),
	boolean("ipv6.deny_all_igw_traffic", "false").refusing(whyNoIPv6),
	boolean(crossZone, "false"),
	number("secondary_ips.auto_assigned.per_subnet", 0, 0, 7).refusing(whyNoSecond),
	boolean("zonal_shift.config.enabled", "false").refusing(whyNoShift),
)

// attributes are those that a load balancer of its type has.
func (b *loadBalancer) attributes() attributes {
	if b.network() {
		return networkAttributes
	}
	return applicationAttributes
}

// attribute is the value of one of them.
func (b *loadBalancer) attribute(key string) string { return b.attributes().value(b.Attributes, key) }

// is tells whether an attribute is true.
func (b *loadBalancer) is(key string) bool { return b.attribute(key) == "true" }

func (b *loadBalancer) describeAttributes() []api.LoadBalancerAttribute {
	all := []api.LoadBalancerAttribute{}
	for _, p := range b.attributes().all(b.Attributes) {
		all = append(all, api.LoadBalancerAttribute{Key: p.key, Value: p.value})
	}
	return all
}

// DescribeLoadBalancerAttributes lists the attributes of a load balancer, with defaults.
func (s *Service) DescribeLoadBalancerAttributes(ctx context.Context, in *api.DescribeLoadBalancerAttributesInput) (*api.DescribeLoadBalancerAttributesOutput, error) {
	b, err := s.balancers().get(scopeOf(ctx), in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeLoadBalancerAttributesOutput{Attributes: b.describeAttributes()}, nil
}

// ModifyLoadBalancerAttributes sets attributes of a load balancer.
func (s *Service) ModifyLoadBalancerAttributes(ctx context.Context, in *api.ModifyLoadBalancerAttributesInput) (*api.ModifyLoadBalancerAttributesOutput, error) {
	var pairs []pair
	for _, a := range in.Attributes {
		pairs = append(pairs, pair{a.Key, a.Value})
	}
	b, err := s.balancers().modify(ctx, s, in.LoadBalancerArn, func(_ *store.Tx, b *loadBalancer) (err error) {
		if b.Attributes, err = b.attributes().with(b.Attributes, "Load balancer", pairs); err != nil {
			return err
		}
		return b.checkBucket()
	})
	if err != nil {
		return nil, err
	}
	return &api.ModifyLoadBalancerAttributesOutput{Attributes: b.describeAttributes()}, nil
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	bucketPath = regexp.MustCompile(`^[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*$`)
)

// checkBucket refuses access logs without a place for them.
func (b *loadBalancer) checkBucket() error {
	bucket, prefix := b.attribute(accessLogsBucket), b.attribute(accessLogsPrefix)
	switch {
	case !b.is(accessLogs):
		return nil
	case !bucketName.MatchString(bucket) || strings.Contains(bucket, ".."):
		return contradicts("The access log bucket name '%s' is not valid", bucket)
	case prefix != "" && (!bucketPath.MatchString(prefix) || strings.Contains(prefix, "..") || strings.Contains(prefix, "AWSLogs")):
		return contradicts("The access log prefix '%s' is not valid", prefix)
	}
	return nil
}
