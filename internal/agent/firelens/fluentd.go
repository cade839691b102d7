package firelens

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fluentd is the configuration in Fluentd's format.
func (r Router) fluentd() string {
	var b strings.Builder
	source := func(pairs ...string) {
		b.WriteString("<source>\n")
		for i := 0; i+1 < len(pairs); i += 2 {
			fmt.Fprintf(&b, "    %s %s\n", pairs[i], pairs[i+1])
		}
		b.WriteString("</source>\n\n")
	}
	source("@type", "unix", "path", Socket)
	if r.Listen != "" {
		source("@type", "forward", "bind", r.Listen, "port", Port)
		// What a health check sends, a line of text, is taken and forgotten.
		b.WriteString("<source>\n    @type tcp\n    tag " + healthCheck + "\n    bind 127.0.0.1\n    port " + healthPort +
			"\n    <parse>\n        @type none\n    </parse>\n</source>\n\n")
	}
	for _, o := range r.Outputs {
		for _, p := range []struct{ element, pattern string }{{"regexp", o.Options[includePattern]}, {"exclude", o.Options[excludePattern]}} {
			if p.pattern != "" {
				fmt.Fprintf(&b, "<filter %s-firelens**>\n    @type grep\n    <%s>\n        key log\n        pattern %s\n    </%s>\n</filter>\n\n",
					o.Container, p.element, p.pattern, p.element)
			}
		}
	}
	if len(r.Fields) > 0 {
		b.WriteString("<filter **>\n    @type record_transformer\n    <record>\n")
		for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
			fmt.Fprintf(&b, "        %s %s\n", name, r.Fields[name])
		}
		b.WriteString("    </record>\n</filter>\n\n")
	}
	if r.Include != "" {
		fmt.Fprintf(&b, "@include %s\n\n", r.Include)
	}
	if r.Listen != "" {
		fmt.Fprintf(&b, "<match %s>\n    @type null\n</match>\n\n", healthCheck)
	}
	for _, o := range r.Outputs {
		names := o.names()
		if len(names) == 0 {
			continue
		}
		fmt.Fprintf(&b, "<match %s-firelens**>\n    @type %s\n", o.Container, o.Options["@type"])
		for _, name := range names {
			switch variable, secret := o.Secrets[name]; {
			case name == "@type":
			case secret:
				fmt.Fprintf(&b, "    %s \"#{ENV['%s']}\"\n", name, variable)
			default:
				fmt.Fprintf(&b, "    %s %s\n", name, o.Options[name])
			}
		}
		b.WriteString("</match>\n\n")
	}
	return b.String()
}
