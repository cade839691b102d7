package definition

import (
	"fmt"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement/query"
)

// Bounds of a Fargate task's disk that a definition gives it, and the disk of one that is given none, in GiB.
const (
	minStorage     = 21
	maxStorage     = 200
	DefaultStorage = 20
)

// platform checks what the task as a whole runs on.
func platform(r *request) error {
	if p := r.RuntimePlatform; p != nil && windows(r) && p.CpuArchitecture == api.CPUArchitectureArm64 {
		return invalid("The operating system family %s does not run on the CPU architecture ARM64.", p.OperatingSystemFamily)
	}
	if len(r.InferenceAccelerators) > 0 {
		return invalid("Unsupported field 'inferenceAccelerators'.")
	}
	problem := Storage(r.EphemeralStorage)
	switch {
	case problem != "":
		return invalid("%s", problem)
	case r.EphemeralStorage == nil:
	case !requires(r, api.CompatibilityFargate):
		return invalid("Tasks using the EC2 launch type do not support EphemeralStorage.")
	}
	if isSet(r.EnableFaultInjection) && !slices.Contains(matching, r.NetworkMode) {
		return invalid("enableFaultInjection is only supported when networkMode is awsvpc or host.")
	}
	return nil
}

// Storage says what is wrong with the disk that a definition, or an override, asks for; empty when nothing is.
func Storage(s *api.EphemeralStorage) (problem string) {
	switch {
	case s == nil:
		return ""
	case s.SizeInGiB < minStorage:
		return fmt.Sprintf("EphemeralStorage size should be at least %d.", minStorage)
	case s.SizeInGiB > maxStorage:
		return fmt.Sprintf("EphemeralStorage size should be at most %d.", maxStorage)
	}
	return ""
}

func windows(r *request) bool {
	return r.RuntimePlatform != nil && strings.HasPrefix(string(r.RuntimePlatform.OperatingSystemFamily), "WINDOWS")
}

// proxyNeeds are the properties of an App Mesh proxy: of each row, one at least.
var proxyNeeds = []struct {
	anyOf  []string
	absent string
}{
	{[]string{"ProxyIngressPort"}, "Ingress port not found"},
	{[]string{"ProxyEgressPort"}, "Egress port not found"},
	{[]string{"AppPorts"}, "App ports not found"},
	{[]string{"IgnoredUID", "IgnoredGID"}, "Ignored UID or GID not found"},
}

func proxy(r *request) error {
	p := r.ProxyConfiguration
	switch {
	case p == nil:
		return nil
	case r.NetworkMode != api.NetworkModeAwsvpc:
		return invalid("APPMESH proxy configuration is only supported in networkMode=awsvpc")
	case find(r, p.ContainerName) == nil:
		return invalid("Proxy container [%s] does not exist.", p.ContainerName)
	}
	for _, need := range proxyNeeds {
		if !slices.ContainsFunc(p.Properties, func(kv api.KeyValuePair) bool { return kv.Value != "" && slices.Contains(need.anyOf, kv.Name) }) {
			return invalid("%s", need.absent)
		}
	}
	return nil
}

const maxConstraints = 10

// constraints checks the placement constraints.
func constraints(r *request) error {
	if len(r.PlacementConstraints) > maxConstraints {
		return invalid("A task definition can have at most %d placement constraints.", maxConstraints)
	}
	for _, c := range r.PlacementConstraints {
		if c.Type != api.TaskDefinitionPlacementConstraintTypeMemberOf {
			return invalid("constraint.type '%s' is not supported.", c.Type)
		}
		if c.Expression == "" {
			return invalid("The expression of a placement constraint of type memberOf should not be null or empty.")
		}
		if _, err := query.Parse(c.Expression); err != nil {
			return invalid("Invalid memberOf expression: %v.", err)
		}
	}
	return nil
}
