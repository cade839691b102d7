package check

import "maps"

// serviceValues are the attributes of aws_ecs_service in the form of the API: the provider has parts of the deployment
// configuration beside it, and the network configuration without its only member.
func serviceValues(values map[string]any) map[string]any {
	out := maps.Clone(values)
	deployment := block(out["deployment_configuration"])
	for attribute, member := range map[string]string{
		"deployment_maximum_percent": "maximum_percent", "deployment_minimum_healthy_percent": "minimum_healthy_percent",
		"deployment_circuit_breaker": "deployment_circuit_breaker", "alarms": "alarms",
	} {
		if v, ok := out[attribute]; ok && !empty(v) {
			deployment[member] = v
		}
		delete(out, attribute)
	}
	if len(deployment) > 0 {
		out["deployment_configuration"] = deployment
	}
	if network := block(out["network_configuration"]); len(network) > 0 {
		if public, ok := network["assign_public_ip"].(bool); ok {
			network["assign_public_ip"] = map[bool]string{true: "ENABLED", false: "DISABLED"}[public]
		}
		out["network_configuration"] = map[string]any{"awsvpc_configuration": network}
	}
	return out
}

// block is a copy of a block's attributes, of which there is one at most.
func block(v any) map[string]any {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	values, _ := v.(map[string]any)
	if values == nil {
		return map[string]any{}
	}
	return maps.Clone(values)
}
