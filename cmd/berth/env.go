package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
)

func envCommand(flags *globals) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print the variables that let aws and the SDKs talk to this Berth",
		Example: `  eval "$(berth env)"
  berth env --format github >> "$GITHUB_ENV"
  berth env --format dotenv > .env`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, ok := formats[format]
			if !ok {
				return usagef("--format %q: it is sh, github or dotenv", format)
			}
			t, err := flags.connect()
			if err != nil {
				return err
			}
			if flags.output == "json" {
				values := map[string]string{}
				for _, v := range t.variables() {
					values[v.name] = v.value
				}
				return writeJSON(cmd.OutOrStdout(), values)
			}
			if format == "github" {
				warnOfProfile(cmd.ErrOrStderr())
			}
			return write(cmd.OutOrStdout(), t.variables())
		},
	}
	cmd.Flags().StringVar(&format, "format", "sh", "`FORMAT`: sh, github or dotenv")
	return cmd
}

type variable struct{ name, value string }

// variables are what the SDKs read, in the order in which they are printed.
func (t *target) variables() []variable {
	return []variable{
		{"AWS_ENDPOINT_URL", t.endpoint},
		{"AWS_ACCESS_KEY_ID", t.keys.ID},
		{"AWS_SECRET_ACCESS_KEY", t.keys.Secret},
		{"AWS_REGION", t.region},
		{"AWS_DEFAULT_REGION", t.region},
	}
}

// Variables left over from another account, which would win over these or spoil them. The second of each is botocore's
// older name for the first.
var (
	staleTokens   = []string{"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"}
	staleProfiles = []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}
)

var formats = map[string]func(io.Writer, []variable) error{
	"sh": func(out io.Writer, variables []variable) error {
		for _, v := range variables {
			fmt.Fprintf(out, "export %s=%s\n", v.name, shellQuote(v.value))
		}
		for _, name := range slices.Concat(staleProfiles, staleTokens) {
			fmt.Fprintf(out, "unset %s\n", name)
		}
		return nil
	},
	// Nothing can be unset there. An empty token is none; an empty profile would be looked up, and not be found.
	"github": func(out io.Writer, variables []variable) error {
		for _, name := range staleTokens {
			variables = append(variables, variable{name, ""})
		}
		return assignments(out, variables)
	},
	"dotenv": assignments,
}

// assignments writes name=value lines. No value here has a character that a reader of such a file would take for its own.
func assignments(out io.Writer, variables []variable) error {
	for _, v := range variables {
		fmt.Fprintf(out, "%s=%s\n", v.name, v.value)
	}
	return nil
}

// warnOfProfile says what GITHUB_ENV can't undo.
func warnOfProfile(errOut io.Writer) {
	for _, name := range staleProfiles {
		if os.Getenv(name) != "" {
			fmt.Fprintf(errOut, "berth: %s is set in this job, which GITHUB_ENV can't unset: take it out of the workflow, or the aws command uses it\n", name)
		}
	}
}
