package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/instance"
)

// globals are the flags that every verb has.
type globals struct {
	name, dataDir, output, cluster string
}

// command returns the whole command line.
func command(flags *globals) *cobra.Command {
	cobra.EnableCommandSorting = false // they are listed in the order in which people need them
	root := group(&cobra.Command{
		Use:   "berth",
		Short: "Amazon ECS that you run yourself",
		Long: "Berth is Amazon ECS that you run yourself: one program answers the AWS APIs, decides where containers run,\n" +
			"and runs them. Start it with `berth dev`; then aws, boto3, Terraform and the verbs below talk to it.",
		Example: `  berth dev -d                                   # start, in the background
  eval "$(berth env)"                            # let aws and the SDKs talk to it
  berth run examples/hello-web/task-definition.json
  berth ps
  berth logs -f hello-web
  berth down                                     # end it and its tasks`,
		Version:           version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	})
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return unknownVerb(cmd, args)
	}
	root.SetUsageTemplate(usage)
	root.SetVersionTemplate("berth {{.Version}}\n")
	f := root.PersistentFlags()
	f.StringVar(&flags.name, "name", "", "the Berth of that `NAME`, of several on this machine")
	f.StringVar(&flags.dataDir, "data-dir", "", "data directory `DIR` (default /var/lib/berth, or berth-NAME beside it)")
	f.StringVarP(&flags.output, "output", "o", "text", "`FORMAT`: text for people, or json for programs, errors on standard error included")
	f.StringVar(&flags.cluster, "cluster", "default", "ECS cluster's `NAME` or ARN")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return flags.check() }
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SetHelpCommand(helpCommand())
	for _, part := range []struct {
		title string
		verbs []*cobra.Command
	}{
		{"Berth itself:", []*cobra.Command{
			devCommand(flags), waitCommand(flags), envCommand(flags), caCommand(flags), resetCommand(flags), downCommand(flags), cleanCommand(flags)}},
		{"Tasks and images:", []*cobra.Command{
			runCommand(flags), psCommand(flags), statsCommand(flags), logsCommand(flags), whyCommand(flags), eventsCommand(flags), execCommand(flags), portForwardCommand(flags), stopCommand(flags), spotCommand(flags), imageCommand(flags), volumeCommand(flags)}},
		{"Services:", []*cobra.Command{deployCommand(flags), rollbackCommand(flags), serviceCommand(flags), balancerCommand(flags)}},
		{"More:", []*cobra.Command{checkCommand(flags), unsupportedCommand(flags), versionCommand(flags)}},
	} {
		root.AddGroup(&cobra.Group{ID: part.title, Title: part.title})
		for _, verb := range part.verbs {
			verb.GroupID = part.title
			root.AddCommand(verb)
		}
		root.SetHelpCommandGroupID(part.title)
	}
	return root
}

// usage is the part of a verb's help that cobra fills in.
const usage = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} VERB{{else}}{{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{$cmd := .}}{{range .Groups}}

{{.Title}}{{$group := .ID}}{{range $cmd.Commands}}{{if and (eq .GroupID $group) (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if and .HasAvailableSubCommands (not .Groups)}}

Verbs:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every verb:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

{{.CommandPath}} VERB --help explains a verb.{{end}}
`

// group makes a command that only has others under it.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = unknownVerb
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

// unknownVerb says that the first word is no verb of a group, or that none was given.
func unknownVerb(parent *cobra.Command, words []string) error {
	var verbs []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			verbs = append(verbs, c.Name())
		}
	}
	if len(words) == 0 {
		return usagef("%s what? %s", parent.Name(), strings.Join(verbs, ", "))
	}
	if near := parent.SuggestionsFor(words[0]); len(near) > 0 {
		return usagef("there is no `%s %s`; did you mean `%s %s`?", parent.CommandPath(), words[0], parent.CommandPath(), near[0])
	}
	return usagef("there is no `%s %s`, only %s", parent.CommandPath(), words[0], strings.Join(verbs, ", "))
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [VERB]",
		Short:   "Explain a verb, with examples",
		Example: "  berth help run\n  berth help image import",
		RunE: func(cmd *cobra.Command, args []string) error {
			verb, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownVerb(verb, rest)
			}
			verb.InitDefaultHelpFlag()
			return verb.Help()
		},
	}
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// check checks the flags that every verb has.
func (g *globals) check() error {
	switch {
	case g.output != "text" && g.output != "json":
		given := g.output
		g.output = "text"
		return usagef("--output %q: it is text or json", given)
	case g.name != "" && !namePattern.MatchString(g.name):
		return usagef("--name %q: it is a word of letters, digits, - . and _, as it becomes part of a directory's name", g.name)
	case g.name != "" && g.dataDir != "":
		return usagef("--name and --data-dir both choose the data directory: give one")
	case g.cluster == "":
		return usagef("--cluster is empty: it is an ECS cluster's name or ARN")
	}
	return nil
}

// dir is the data directory that the flags choose.
func (g *globals) dir() string {
	if g.dataDir != "" {
		return g.dataDir
	}
	return instance.DefaultDir(g.name)
}

// line is a command line of this program as its user would type it, with the flags that choose this Berth.
func (g *globals) line(words ...string) string {
	line := []string{os.Args[0]}
	if g.name != "" {
		line = append(line, "--name", g.name)
	}
	if g.dataDir != "" {
		line = append(line, "--data-dir", g.dataDir)
	}
	return commandLine(append(line, words...))
}

// again is this very command line, run as root.
func again() string { return "sudo " + commandLine(os.Args) }

func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		if quoted[i] = word; !plainWord.MatchString(word) {
			quoted[i] = shellQuote(word)
		}
	}
	return strings.Join(quoted, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellQuote writes a word so that every shell reads it as it is.
func shellQuote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// exactly wants as many arguments as their names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef("%s is missing", names[len(args)])
		case len(args) > len(names):
			return usagef("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// atLeastOne wants an argument or more.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s is missing", name)
		}
		return nil
	}
}

// usageError is a mistake in what was typed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
