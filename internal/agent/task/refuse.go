package task

import (
	"fmt"
	"strings"

	"github.com/berth-dev/berth/api/acs"
)

// refusal names what a task asks for and this agent does not do, or is empty. A task that asked for it and ran without
// would be a lie.
func refusal(t *acs.Task) string {
	var asked []string
	ask := func(is bool, format string, args ...any) {
		if is {
			asked = append(asked, fmt.Sprintf(format, args...))
		}
	}
	switch t.NetworkMode {
	case "awsvpc":
		ask(len(t.ElasticNetworkInterfaces) != 1, "network mode awsvpc with %d network interfaces", len(t.ElasticNetworkInterfaces))
	case "bridge", "host", "none":
	default:
		ask(true, "network mode %q", t.NetworkMode)
	}
	ask(t.ProxyConfiguration != nil, "proxyConfiguration")
	for _, v := range t.Volumes {
		e := v.EfsVolumeConfiguration
		ask(e != nil && e.AuthorizationConfig != nil && e.AuthorizationConfig.AccessPointId != "", "the access point of volume %s", v.Name)
		ask(v.Type != acs.VolumeTypeHost && v.DockerVolumeConfiguration == nil && e == nil, "volume %s of type %q", v.Name, v.Type)
	}
	ask(len(t.Attachments) > 0, "attachments")
	ask(len(t.Associations) > 0, "associations")
	for _, c := range t.Containers {
		in := func(is bool, what string) { ask(is, "%s of container %s", what, c.Name) }
		in(len(c.EnvironmentFiles) > 0, "environmentFiles")
		in(len(c.Links) > 0 && t.NetworkMode != "bridge", "links")
		in(c.FirelensConfiguration != nil && c.FirelensConfiguration.Options["config-file-type"] == "s3", "firelensConfiguration with a file from S3")
		in(len(c.CredentialSpecs) > 0, "credentialSpecs")
		in(c.RegistryAuthentication != nil && c.RegistryAuthentication.AsmAuthData == nil, "registryAuthentication")
	}
	if asked == nil {
		return ""
	}
	return "this agent does not support " + strings.Join(asked, ", ")
}
