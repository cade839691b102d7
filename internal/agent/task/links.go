package task

import (
	"strconv"
	"strings"

	"github.com/berth-dev/berth/api/acs"
)

// linkOf reads a link of a definition: "name" or "name:alias".
func linkOf(link string) (name, alias string) {
	name, alias, aliased := strings.Cut(link, ":")
	if !aliased || alias == "" {
		alias = name
	}
	return name, alias
}

// linkedHosts are the lines of a container's hosts file by which it finds those that it is linked to: by alias, host name and
// name, as in Docker.
func (t *task) linkedHosts(c *acs.Container, own map[string]*ownNetwork) (lines []string) {
	for _, link := range c.Links {
		name, alias := linkOf(link)
		if to := own[name]; to != nil && to.Address.IsValid() {
			names := alias + " " + to.hostname
			if name != alias {
				names += " " + name
			}
			lines = append(lines, to.Address.String()+"\t"+names)
		}
	}
	return lines
}

// linkVariables are what a container finds in its environment of those that it is linked to: their names and the single ports
// that their definitions map, as in Docker. Their own variables, which Docker tells too, are not among them: secrets may be.
func (t *task) linkVariables(c *acs.Container) map[string]string {
	env := map[string]string{}
	for _, link := range c.Links {
		name, alias := linkOf(link)
		to := t.ownOf(name)
		if to == nil || !to.Address.IsValid() {
			continue
		}
		prefix := strings.ToUpper(strings.ReplaceAll(alias, "-", "_"))
		env[prefix+"_NAME"] = "/" + t.dockerName(c.Name) + "/" + alias
		for _, p := range to.Ports {
			if p.Container.Count() > 1 {
				continue
			}
			port := strconv.Itoa(int(p.Container.First))
			url := p.Protocol + "://" + to.Address.String() + ":" + port
			if env[prefix+"_PORT"] == "" {
				env[prefix+"_PORT"] = url
			}
			of := prefix + "_PORT_" + port + "_" + strings.ToUpper(p.Protocol)
			env[of], env[of+"_ADDR"], env[of+"_PORT"], env[of+"_PROTO"] = url, to.Address.String(), port, p.Protocol
		}
	}
	return env
}
