package main

import (
	"fmt"
	"io"

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
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			if flags.output == "json" {
				values := map[string]string{}
				for _, v := range t.variables() {
					values[v[0]] = v[1]
				}
				return writeJSON(cmd.OutOrStdout(), values)
			}
			return t.printVariables(cmd.OutOrStdout(), format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "sh", "sh, github or dotenv")
	return cmd
}

// variables are the names and values, in the order in which they are printed. An empty one is unset: left over from
// another account it would win over the keys.
func (t *target) variables() [][2]string {
	return [][2]string{
		{"AWS_ENDPOINT_URL", t.endpoint}, {"AWS_ACCESS_KEY_ID", t.keys.ID}, {"AWS_SECRET_ACCESS_KEY", t.keys.Secret},
		{"AWS_REGION", t.region}, {"AWS_DEFAULT_REGION", t.region},
		{"AWS_PROFILE", ""}, {"AWS_SESSION_TOKEN", ""},
	}
}

func (t *target) printVariables(out io.Writer, format string) error {
	for _, v := range t.variables() {
		name, value := v[0], v[1]
		switch {
		case format == "sh" && value == "":
			fmt.Fprintf(out, "unset %s\n", name)
		case format == "sh":
			fmt.Fprintf(out, "export %s=%s\n", name, value)
		case format == "github" || format == "dotenv" && value != "":
			fmt.Fprintf(out, "%s=%s\n", name, value)
		case format != "dotenv":
			return fmt.Errorf("--format %q: it is sh, github or dotenv", format)
		}
	}
	return nil
}
