package check

import "strings"

// need is an operation that AWS's provider asks for.
type need struct{ service, operation string }

// needs are the operations of one service.
func needs(service string, operations ...string) (list []need) {
	for _, op := range operations {
		list = append(list, need{service, op})
	}
	return list
}

// resources are the operations that the provider makes, reads, changes and removes a resource by; the one that makes it is the
// first. Of services that Berth has.
var resources = map[string][]need{
	"aws_ecs_account_setting_default":    needs("ecs", "PutAccountSettingDefault", "ListAccountSettings"),
	"aws_ecs_capacity_provider":          needs("ecs", "CreateCapacityProvider", "DescribeCapacityProviders", "UpdateCapacityProvider", "DeleteCapacityProvider"),
	"aws_ecs_cluster":                    needs("ecs", "CreateCluster", "DescribeClusters", "UpdateCluster", "DeleteCluster"),
	"aws_ecs_cluster_capacity_providers": needs("ecs", "PutClusterCapacityProviders", "DescribeClusters"),
	"aws_ecs_express_gateway_service":    needs("ecs", "CreateExpressGatewayService", "DescribeExpressGatewayService", "DeleteExpressGatewayService"),
	"aws_ecs_service":                    needs("ecs", "CreateService", "DescribeServices", "UpdateService", "DeleteService"),
	"aws_ecs_tag":                        needs("ecs", "TagResource", "ListTagsForResource", "UntagResource"),
	"aws_ecs_task_definition":            needs("ecs", "RegisterTaskDefinition", "DescribeTaskDefinition", "DeregisterTaskDefinition"),
	"aws_ecs_task_set":                   needs("ecs", "CreateTaskSet", "DescribeTaskSets", "DeleteTaskSet"),

	"aws_acm_certificate":            needs("acm", "RequestCertificate", "DescribeCertificate", "ListTagsForCertificate", "DeleteCertificate"),
	"aws_acm_certificate_validation": needs("acm", "DescribeCertificate"),

	"aws_lb": needs("elasticloadbalancing", "CreateLoadBalancer", "DescribeLoadBalancers", "ModifyLoadBalancerAttributes", "DescribeLoadBalancerAttributes",
		"DescribeCapacityReservation", "DescribeTags", "DeleteLoadBalancer"),
	"aws_lb_listener":             needs("elasticloadbalancing", "CreateListener", "DescribeListeners", "DescribeListenerAttributes", "DescribeTags", "DeleteListener"),
	"aws_lb_listener_certificate": needs("elasticloadbalancing", "AddListenerCertificates", "DescribeListenerCertificates", "RemoveListenerCertificates"),
	"aws_lb_listener_rule":        needs("elasticloadbalancing", "CreateRule", "DescribeRules", "DescribeTags", "DeleteRule"),
	"aws_lb_target_group": needs("elasticloadbalancing", "CreateTargetGroup", "DescribeTargetGroups", "ModifyTargetGroupAttributes",
		"DescribeTargetGroupAttributes", "DescribeTags", "DeleteTargetGroup"),
	"aws_lb_target_group_attachment": needs("elasticloadbalancing", "RegisterTargets", "DescribeTargetHealth", "DeregisterTargets"),
	"aws_lb_trust_store":             needs("elasticloadbalancing", "CreateTrustStore"),

	"aws_cloudwatch_log_group":               needs("logs", "CreateLogGroup", "DescribeLogGroups", "ListTagsForResource", "PutRetentionPolicy", "DeleteLogGroup"),
	"aws_cloudwatch_log_stream":              needs("logs", "CreateLogStream", "DescribeLogStreams", "DeleteLogStream"),
	"aws_cloudwatch_log_metric_filter":       needs("logs", "PutMetricFilter"),
	"aws_cloudwatch_log_resource_policy":     needs("logs", "PutResourcePolicy"),
	"aws_cloudwatch_log_subscription_filter": needs("logs", "PutSubscriptionFilter"),

	"aws_default_security_group":               needs("ec2", "DescribeSecurityGroups", "RevokeSecurityGroupEgress"),
	"aws_default_subnet":                       needs("ec2", "DescribeSubnets", "ModifySubnetAttribute"),
	"aws_default_vpc":                          needs("ec2", "DescribeVpcs", "DescribeVpcAttribute"),
	"aws_ebs_volume":                           needs("ec2", "CreateVolume"),
	"aws_eip":                                  needs("ec2", "AllocateAddress"),
	"aws_flow_log":                             needs("ec2", "CreateFlowLogs"),
	"aws_instance":                             needs("ec2", "RunInstances"),
	"aws_internet_gateway":                     needs("ec2", "CreateInternetGateway"),
	"aws_key_pair":                             needs("ec2", "ImportKeyPair"),
	"aws_launch_template":                      needs("ec2", "CreateLaunchTemplate"),
	"aws_nat_gateway":                          needs("ec2", "CreateNatGateway"),
	"aws_network_acl":                          needs("ec2", "CreateNetworkAcl"),
	"aws_network_interface":                    needs("ec2", "CreateNetworkInterface"),
	"aws_route":                                needs("ec2", "CreateRoute"),
	"aws_route_table":                          needs("ec2", "CreateRouteTable"),
	"aws_route_table_association":              needs("ec2", "AssociateRouteTable"),
	"aws_security_group":                       needs("ec2", "CreateSecurityGroup"),
	"aws_security_group_rule":                  needs("ec2", "AuthorizeSecurityGroupIngress"),
	"aws_subnet":                               needs("ec2", "CreateSubnet"),
	"aws_vpc":                                  needs("ec2", "CreateVpc"),
	"aws_vpc_endpoint":                         needs("ec2", "CreateVpcEndpoint"),
	"aws_vpc_security_group_egress_rule":       needs("ec2", "AuthorizeSecurityGroupEgress"),
	"aws_vpc_security_group_ingress_rule":      needs("ec2", "AuthorizeSecurityGroupIngress"),
	"aws_vpc_dhcp_options":                     needs("ec2", "CreateDhcpOptions"),
	"aws_main_route_table_association":         needs("ec2", "ReplaceRouteTableAssociation"),
	"aws_default_route_table":                  needs("ec2", "DescribeRouteTables"),
	"aws_default_network_acl":                  needs("ec2", "DescribeNetworkAcls"),
	"aws_ec2_tag":                              needs("ec2", "CreateTags"),
	"aws_network_interface_sg_attachment":      needs("ec2", "ModifyNetworkInterfaceAttribute"),
	"aws_vpc_endpoint_subnet_association":      needs("ec2", "ModifyVpcEndpoint"),
	"aws_vpc_dhcp_options_association":         needs("ec2", "AssociateDhcpOptions"),
	"aws_vpc_endpoint_route_table_association": needs("ec2", "ModifyVpcEndpoint"),
	"aws_network_acl_rule":                     needs("ec2", "CreateNetworkAclEntry"),
	"aws_volume_attachment":                    needs("ec2", "AttachVolume"),
}

// dataSources are the operations that the provider reads a data source by; none for one that it makes up itself.
var dataSources = map[string][]need{
	"aws_arn":                      nil,
	"aws_default_tags":             nil,
	"aws_iam_policy_document":      nil,
	"aws_partition":                nil,
	"aws_region":                   nil,
	"aws_service":                  nil,
	"aws_service_principal":        nil,
	"aws_availability_zones":       needs("ec2", "DescribeAvailabilityZones"),
	"aws_caller_identity":          needs("sts", "GetCallerIdentity"),
	"aws_cloudwatch_log_group":     needs("logs", "DescribeLogGroups", "ListTagsForResource"),
	"aws_cloudwatch_log_groups":    needs("logs", "DescribeLogGroups"),
	"aws_ecs_cluster":              needs("ecs", "DescribeClusters"),
	"aws_ecs_clusters":             needs("ecs", "ListClusters"),
	"aws_ecs_container_definition": needs("ecs", "DescribeTaskDefinition"),
	"aws_ecs_service":              needs("ecs", "DescribeServices"),
	"aws_ecs_task_definition":      needs("ecs", "DescribeTaskDefinition"),
	"aws_ecs_task_execution":       needs("ecs", "RunTask"),
	"aws_network_interface":        needs("ec2", "DescribeNetworkInterfaces"),
	"aws_network_interfaces":       needs("ec2", "DescribeNetworkInterfaces"),
	"aws_security_group":           needs("ec2", "DescribeSecurityGroups"),
	"aws_security_groups":          needs("ec2", "DescribeSecurityGroups"),
	"aws_subnet":                   needs("ec2", "DescribeSubnets"),
	"aws_subnets":                  needs("ec2", "DescribeSubnets"),
	"aws_vpc":                      needs("ec2", "DescribeVpcs", "DescribeVpcAttribute", "DescribeRouteTables"),
	"aws_vpcs":                     needs("ec2", "DescribeVpcs"),
}

// services are AWS's names of services, by how the provider begins the names of their resources, where that is not the same word.
var services = []struct{ begins, service string }{
	{"aws_acm", "acm"}, {"aws_alb", "elasticloadbalancing"}, {"aws_lb", "elasticloadbalancing"}, {"aws_elb", "elasticloadbalancing"},
	{"aws_ami", "ec2"}, {"aws_availability_zone", "ec2"}, {"aws_route_table", "ec2"}, {"aws_route53", "route53"}, {"aws_vpc", "ec2"},
	{"aws_appautoscaling", "application-autoscaling"}, {"aws_autoscaling", "autoscaling"}, {"aws_launch_", "autoscaling"},
	{"aws_cloudwatch_event", "events"}, {"aws_cloudwatch_log", "logs"}, {"aws_cloudwatch", "monitoring"},
	{"aws_codedeploy", "codedeploy"}, {"aws_db_", "rds"}, {"aws_efs", "elasticfilesystem"}, {"aws_service_discovery", "servicediscovery"},
	{"aws_egress_only", "ec2"}, {"aws_instance", "ec2"}, {"aws_placement_group", "ec2"}, {"aws_prefix_list", "ec2"}, {"aws_spot_", "ec2"}, {"aws_wafv2", "wafv2"},
}

// serviceOf is AWS's name of the service that a resource is of.
func serviceOf(kind string) string {
	for _, s := range services {
		if strings.HasPrefix(kind, s.begins) {
			return s.service
		}
	}
	service, _, _ := strings.Cut(strings.TrimPrefix(kind, "aws_"), "_")
	return service
}
