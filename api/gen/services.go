package main

// service says what to generate from one model.
type service struct {
	model   string   // file in models/, and the name of the Go package
	doc     string   // what the package is for: ends the sentence "Package x holds ..."
	ops     []string // operations to generate; none: every structure of the model, types only
	number  numbers
	invalid string // error code for a value that breaks a constraint
	refused string // error code for a parameter that Berth does not act on yet

	// always names the string members that are sent even when they are empty,
	// as "Structure.member". Other empty strings are absent, as on AWS.
	always []string
	// pointers names the string members, likewise, that say one thing when they are empty and another when they are absent.
	pointers []string
	// open names enumerations whose values the service checks itself, in words of its own.
	open []string
	// protocols overrides the model's list.
	protocols []string
	// target is the X-Amz-Target prefix of a service whose model has none. Berth's own client speaks JSON alone; where a
	// service speaks only forms on AWS, the same operations answer it in JSON too.
	target string
	// reads names operations that change nothing, where neither the model nor
	// the name (Describe, Get, List, ...) says so.
	reads []string
}

// numbers says which numbers and booleans can be absent.
type numbers int

const (
	// asModelled: those that the model boxes are pointers, all others are
	// values and always sent: "cpu":0.
	asModelled numbers = iota
	// optional: the model has lost its boxes, all are pointers.
	optional
)

// services is every model that Berth generates from, sorted.
var services = []service{
	{
		model: "acm", doc: "the API of AWS Certificate Manager",
		number: optional, invalid: "ValidationException", refused: "ValidationException",
		ops: []string{
			"AddTagsToCertificate", "DeleteCertificate", "DescribeCertificate", "ExportCertificate", "GetCertificate",
			"ImportCertificate", "ListCertificates", "ListTagsForCertificate", "RemoveTagsFromCertificate", "RenewCertificate",
			"RequestCertificate", "UpdateCertificateOptions",
		},
	},
	{
		model: "acs", doc: "the frames that agent and control plane exchange on the ACS socket",
		always: []string{"AttachmentProperty.value"},
	},
	{
		model: "ec2", doc: "what Berth answers of Amazon EC2: the VPC that tasks live in",
		number: optional, invalid: "InvalidParameterValue", refused: "UnsupportedOperation",
		protocols: []string{"ec2", "json"}, target: "AmazonEC2",
		ops: []string{
			"DescribeAvailabilityZones", "DescribeNetworkInterfaces", "DescribeSecurityGroups",
			"DescribeSubnets", "DescribeVpcAttribute", "DescribeVpcs",
		},
		always: []string{"Tag.Key", "Tag.Value"},
	},
	{
		model: "ecs", doc: "the API of Amazon ECS",
		number: asModelled, invalid: "InvalidParameterException", refused: "UnsupportedFeatureException",
		ops: []string{
			"CreateCluster", "DeleteCluster", "DescribeClusters", "ListClusters",
			"PutClusterCapacityProviders", "UpdateCluster", "UpdateClusterSettings",
			"CreateCapacityProvider", "DeleteCapacityProvider", "DescribeCapacityProviders", "UpdateCapacityProvider",
			"DeleteAccountSetting", "ListAccountSettings", "PutAccountSetting", "PutAccountSettingDefault",
			"DeleteAttributes", "ListAttributes", "PutAttributes",
			"DeleteTaskDefinitions", "StartTask", "GetTaskProtection", "UpdateTaskProtection",
			"UpdateContainerAgent",
			"DeregisterTaskDefinition", "DescribeTaskDefinition", "ListTaskDefinitionFamilies",
			"ListTaskDefinitions", "RegisterTaskDefinition",
			"DescribeTasks", "ExecuteCommand", "ListTasks", "RunTask", "StopTask",
			"DeregisterContainerInstance", "DescribeContainerInstances", "ListContainerInstances",
			"RegisterContainerInstance", "UpdateContainerInstancesState",
			"DiscoverPollEndpoint", "SubmitAttachmentStateChanges", "SubmitContainerStateChange",
			"SubmitTaskStateChange",
			"ListTagsForResource", "TagResource", "UntagResource",
			"CreateService", "DeleteService", "DescribeServices", "ListServices", "ListServicesByNamespace", "UpdateService",
			"ContinueServiceDeployment", "DescribeServiceDeployments", "DescribeServiceRevisions", "ListServiceDeployments",
			"StopServiceDeployment",
			"CreateTaskSet", "DeleteTaskSet", "DescribeTaskSets", "UpdateServicePrimaryTaskSet", "UpdateTaskSet",
		},
		always: []string{"KeyValuePair.name", "KeyValuePair.value", "Tag.key", "Tag.value"},
		open:   []string{"TaskDefinitionPlacementConstraintType"},
	},
	{
		model: "elbv2", doc: "the API of Elastic Load Balancing, version 2",
		number: optional, invalid: "ValidationError", refused: "UnsupportedOperation",
		protocols: []string{"query", "json"}, target: "ElasticLoadBalancing_v2",
		ops: []string{
			"AddListenerCertificates", "AddTags", "CreateListener", "CreateLoadBalancer", "CreateRule", "CreateTargetGroup",
			"CreateTrustStore", "DeleteListener", "DeleteLoadBalancer", "DeleteRule", "DeleteTargetGroup", "DeleteTrustStore",
			"DeregisterTargets", "DescribeAccountLimits", "DescribeCapacityReservation", "DescribeListenerAttributes",
			"DescribeListenerCertificates", "DescribeListeners", "DescribeLoadBalancerAttributes", "DescribeLoadBalancers",
			"DescribeRules", "DescribeSSLPolicies", "DescribeTags", "DescribeTargetGroupAttributes", "DescribeTargetGroups",
			"DescribeTargetHealth", "DescribeTrustStores", "ModifyListener", "ModifyListenerAttributes",
			"ModifyLoadBalancerAttributes", "ModifyRule", "ModifyTargetGroup", "ModifyTargetGroupAttributes", "RegisterTargets",
			"RemoveListenerCertificates", "RemoveTags", "SetIpAddressType", "SetRulePriorities", "SetSecurityGroups", "SetSubnets",
		},
		always: []string{"Tag.Key", "Tag.Value", "LoadBalancerAttribute.Value", "TargetGroupAttribute.Value", "ListenerAttribute.Value"},
	},
	{
		model: "logs", doc: "the API of Amazon CloudWatch Logs",
		number: optional, invalid: "InvalidParameterException", refused: "InvalidParameterException",
		ops: []string{
			"CreateLogGroup", "CreateLogStream", "DeleteLogGroup", "DeleteLogStream",
			"DeleteRetentionPolicy", "DescribeLogGroups", "DescribeLogStreams", "FilterLogEvents",
			"GetLogEvents", "ListTagsForResource", "ListTagsLogGroup", "PutLogEvents",
			"PutRetentionPolicy", "TagResource", "UntagResource",
		},
		always: []string{"OutputLogEvent.message", "FilteredLogEvent.message", "InputLogEvent.message"},
		reads:  []string{"FilterLogEvents"},
	},
	{
		model: "secretsmanager", doc: "the API of AWS Secrets Manager",
		number: optional, invalid: "ValidationException", refused: "InvalidParameterException",
		ops: []string{
			"BatchGetSecretValue", "CreateSecret", "DeleteSecret", "DescribeSecret", "GetRandomPassword", "GetResourcePolicy",
			"GetSecretValue", "ListSecretVersionIds", "ListSecrets", "PutSecretValue", "RestoreSecret", "TagResource",
			"UntagResource", "UpdateSecret", "UpdateSecretVersionStage",
		},
		always:   []string{"Tag.Value"},
		pointers: []string{"UpdateSecretRequest.Description"},
		reads:    []string{"BatchGetSecretValue"},
	},
	{
		model: "ssm", doc: "what Berth answers of AWS Systems Manager: Parameter Store and Session Manager",
		number: optional, invalid: "ValidationException", refused: "ValidationException",
		ops: []string{
			"AddTagsToResource", "DeleteParameter", "DeleteParameters", "DescribeParameters", "GetParameter",
			"GetParameterHistory", "GetParameters", "GetParametersByPath", "LabelParameterVersion", "ListTagsForResource",
			"PutParameter", "RemoveTagsFromResource", "ResumeSession", "StartSession", "TerminateSession",
			"UnlabelParameterVersion",
		},
		pointers: []string{"PutParameterRequest.Description", "Tag.Value"},
	},
	{
		model: "sts", doc: "what Berth answers of AWS STS",
		number: optional, invalid: "ValidationError", refused: "ValidationError",
		ops: []string{"GetCallerIdentity"},
	},
	{
		model: "tcs", doc: "the frames of metrics and health that an agent sends on the TCS socket",
	},
}
