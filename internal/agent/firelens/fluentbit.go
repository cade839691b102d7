package firelens

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// healthCheck is the tag of what health checks send to a router, and healthPort where they do.
const (
	healthCheck = "firelens-healthcheck"
	healthPort  = "8877"
)

// fluentBit is the configuration in Fluent Bit's classic format.
func (r Router) fluentBit() string {
	var b strings.Builder
	section := func(kind string, pairs ...string) {
		fmt.Fprintf(&b, "[%s]\n", kind)
		for i := 0; i+1 < len(pairs); i += 2 {
			fmt.Fprintf(&b, "    %s %s\n", pairs[i], pairs[i+1])
		}
		b.WriteByte('\n')
	}
	section("INPUT", "Name", "forward", "unix_path", Socket)
	if r.Listen != "" {
		section("INPUT", "Name", "forward", "Listen", r.Listen, "Port", Port)
		section("INPUT", "Name", "tcp", "Tag", healthCheck, "Listen", "127.0.0.1", "Port", healthPort)
	}
	for _, o := range r.Outputs {
		if p := o.Options[includePattern]; p != "" {
			section("FILTER", "Name", "grep", "Match", o.Container+"-firelens*", "Regex", "log "+p)
		}
		if p := o.Options[excludePattern]; p != "" {
			section("FILTER", "Name", "grep", "Match", o.Container+"-firelens*", "Exclude", "log "+p)
		}
	}
	if len(r.Fields) > 0 {
		pairs := []string{"Name", "record_modifier", "Match", "*"}
		for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
			pairs = append(pairs, "Record", name+" "+r.Fields[name])
		}
		section("FILTER", pairs...)
	}
	if r.Include != "" {
		fmt.Fprintf(&b, "@INCLUDE %s\n\n", r.Include)
	}
	if r.Listen != "" {
		section("OUTPUT", "Name", "null", "Match", healthCheck)
	}
	for _, o := range r.Outputs {
		names := o.names()
		if len(names) == 0 {
			continue
		}
		pairs := []string{"Name", o.Options["Name"], "Match", o.Container + "-firelens*"}
		for _, name := range names {
			switch variable, secret := o.Secrets[name]; {
			case name == "Name":
			case secret:
				pairs = append(pairs, name, "${"+variable+"}")
			default:
				pairs = append(pairs, name, o.Options[name])
			}
		}
		section("OUTPUT", pairs...)
	}
	return b.String()
}
