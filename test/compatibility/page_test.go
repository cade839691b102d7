package compatibility

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/wire"
)

//go:embed introduction.md
var introduction string

// page is docs/compatibility.md for what a server does.
func page(operations []wire.OperationInfo) string {
	byService := map[string][]wire.OperationInfo{}
	for _, op := range operations {
		byService[op.Service] = append(byService[op.Service], op)
	}
	var p strings.Builder
	p.WriteString(introduction)
	p.WriteString("\n## Amazon ECS\n\n")
	writeECS(&p, byService["ecs"])
	for _, s := range []struct{ name, title string }{{"logs", "Amazon CloudWatch Logs"}, {"secretsmanager", "AWS Secrets Manager"}, {"acm", "AWS Certificate Manager"}, {"ssm", "AWS Systems Manager"}, {"ec2", "Amazon EC2"}, {"elbv2", "Elastic Load Balancing"}, {"sts", "AWS STS"}} {
		fmt.Fprintf(&p, "\n## %s\n\n", s.title)
		writeService(&p, byService[s.name])
	}
	return p.String()
}

// writeECS lists every operation, then what is done of each parameter of those that are built.
func writeECS(p *strings.Builder, operations []wire.OperationInfo) {
	built, missing := split(operations)
	fmt.Fprintf(p, "Of the %d operations of the API model %d are built. The others are answered by `%s`.\n\n| Operation | Berth |\n|---|---|\n", len(operations), len(built), missing[0].Error)
	for _, op := range operations {
		does := "not yet: `" + op.Error + "`"
		if op.Built {
			does = fmt.Sprintf("done: [parameters](#%s)", strings.ToLower(op.Name))
		}
		fmt.Fprintf(p, "| %s | %s |\n", op.Name, does)
	}
	for _, op := range built {
		fmt.Fprintf(p, "\n### %s\n\n", op.Name)
		if op.Note != "" {
			fmt.Fprintf(p, "%s.\n\n", sentence(op.Note))
		}
		if plain(op.Members) {
			fmt.Fprintf(p, "Done: %s.\n", enumeration(op.Members))
		} else {
			writeTable(p, op.Members, "")
		}
	}
}

// writeService says which operations are built, and of their parameters what is refused or differs.
func writeService(p *strings.Builder, operations []wire.OperationInfo) {
	built, missing := split(operations)
	var names []string
	for _, op := range built {
		names = append(names, op.Name)
	}
	fmt.Fprintf(p, "Built: %s.\n", strings.Join(names, ", "))
	if len(missing) > 0 {
		fmt.Fprintf(p, "The other %d operations are answered by `%s`.\n", len(missing), missing[0].Error)
	}
	var rows []string
	for _, op := range built {
		if op.Note != "" {
			rows = append(rows, fmt.Sprintf("| %s | %s |", op.Name, op.Note))
		}
		rows = append(rows, different(op.Name, op.Members)...)
	}
	if len(rows) > 0 {
		fmt.Fprintf(p, "\n| Parameter | Berth |\n|---|---|\n%s\n", strings.Join(rows, "\n"))
		p.WriteString("\nAll other parameters of these operations are done.\n")
	}
}

// different are rows for the members of an operation of which not all is done as AWS does it, and for theirs.
func different(operation string, members []wire.MemberInfo) (rows []string) {
	for _, m := range members {
		if m.Error != "" || m.Note != "" {
			rows = append(rows, fmt.Sprintf("| %s, `%s` | %s |", operation, m.Path, verdict(m)))
		}
		rows = append(rows, different(operation, m.Members)...)
	}
	return rows
}

func split(operations []wire.OperationInfo) (built, missing []wire.OperationInfo) {
	for _, op := range operations {
		if op.Built {
			built = append(built, op)
		} else {
			missing = append(missing, op)
		}
	}
	return built, missing
}

// long is the number of members of a structure that get a table of their own.
const long = 20

// writeTable has a row for every member. A structure takes one row when its members are all done, or its note speaks for
// them.
func writeTable(p *strings.Builder, members []wire.MemberInfo, base string) {
	p.WriteString("| Parameter | Berth |\n|---|---|\n")
	var apart []wire.MemberInfo
	var rows func([]wire.MemberInfo)
	rows = func(members []wire.MemberInfo) {
		for _, m := range members {
			name := strings.TrimPrefix(m.Path, base)
			switch {
			case len(m.Members) > long:
				fmt.Fprintf(p, "| `%s` | done, as the table below says |\n", name)
				apart = append(apart, m)
			case len(m.Members) > 0 && m.Note == "" && plain(m.Members):
				fmt.Fprintf(p, "| `%s` | %s: %s |\n", name, verdict(m), enumeration(m.Members))
			case len(m.Members) > 0 && m.Note == "":
				rows(m.Members)
			default:
				fmt.Fprintf(p, "| `%s` | %s |\n", name, verdict(m))
			}
		}
	}
	rows(members)
	for _, m := range apart {
		fmt.Fprintf(p, "\n#### %s\n\n", m.Path)
		writeTable(p, m.Members, m.Path+".")
	}
}

// verdict is what Berth does of a member.
func verdict(m wire.MemberInfo) string {
	var does string
	switch {
	case m.Error != "" && len(m.Accepted) > 0:
		does = fmt.Sprintf("done: %s; others refused by `%s`: %s", alternatives(m.Accepted), m.Error, m.Why)
	case m.Error != "":
		does = fmt.Sprintf("refused by `%s`: %s", m.Error, m.Why)
	case m.Note != "":
		return "differs: " + m.Note
	default:
		return "done"
	}
	if m.Note != "" {
		does += ". " + sentence(m.Note)
	}
	return does
}

// plain says that the members, and theirs, are done and that there is nothing else to say of them.
func plain(members []wire.MemberInfo) bool {
	return !slices.ContainsFunc(members, func(m wire.MemberInfo) bool {
		return m.Error != "" || m.Note != "" || !plain(m.Members)
	})
}

func enumeration(members []wire.MemberInfo) string {
	var names []string
	for _, m := range members {
		name := "`" + m.Path[strings.LastIndexByte(m.Path, '.')+1:] + "`"
		if len(m.Members) > 0 {
			name += " (" + enumeration(m.Members) + ")"
		}
		names = append(names, name)
	}
	if names == nil {
		return "it has no parameters"
	}
	return strings.Join(names, ", ")
}

func alternatives(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = "`" + v + "`"
	}
	return strings.Join(quoted, ", ")
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
