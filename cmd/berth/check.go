package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/check"
	"github.com/berth-dev/berth/internal/server"
)

func checkCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE|-",
		Short: "Say what a task definition, compose file or Terraform plan asks for that Berth does not do",
		Long: "Says, before anything runs, what a file asks for that Berth does not do: of a task definition (as `aws ecs\n" +
			"register-task-definition --cli-input-json` takes it, or describe-task-definition answers it) or of its container\n" +
			"definitions alone, of a compose file (its variables are yours and those of .env beside it), or of a plan as `terraform\n" +
			"show -json` writes it. No Berth has to run.\n\n" +
			"Each line is refused (Berth says no), invalid (AWS would say no too), differs (Berth does it in its own way) or ignored\n" +
			"(nothing is done about it). The exit status is 1 when something is refused or invalid, else 0.",
		Example: "  berth check task-definition.json\n  berth check compose.yaml --output json\n" +
			"  terraform plan -out plan && terraform show -json plan | berth check -",
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, dir, err := readChecked(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			logrus.SetOutput(io.Discard) // where the library that reads compose files tells what is out of date in them
			report, err := check.File(cmd.Context(), server.Registered(), text, dir)
			if err != nil {
				return fmt.Errorf("%s: %w", what(args[0]), err)
			}
			out := cmd.OutOrStdout()
			if len(report.Findings) == 0 {
				err = flags.say(out, report, "%s is a %s, and Berth does all that it asks for", what(args[0]), report.Kind)
			} else {
				err = flags.show(out, report, findingTable(report))
			}
			if n := report.Stops(); err == nil && n > 0 {
				return fmt.Errorf("%s of this %s would be refused", count(n, "part"), report.Kind)
			}
			return err
		},
	}
}

// maxChecked bounds a file that is checked: the plan of a large stack is some megabytes.
const maxChecked = 256 << 20

// readChecked reads the file, or standard input when its name is -, and tells where the files lie that it names.
func readChecked(name string, stdin io.Reader) (text []byte, dir string, err error) {
	from, dir := stdin, "."
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, "", err
		}
		defer file.Close()
		from, dir = file, filepath.Dir(name)
	}
	text, err = io.ReadAll(io.LimitReader(from, maxChecked+1))
	if err == nil && len(text) > maxChecked {
		err = fmt.Errorf("%s is larger than %s", what(name), bytesText(maxChecked))
	}
	return text, dir, err
}

func findingTable(r check.Report) table {
	t := table{header: []string{"IS", "WHERE", "WHAT", "WHY"}}
	for _, f := range r.Findings {
		where := f.Where
		if where == "" {
			where = "-"
		}
		t.rows = append(t.rows, []string{string(f.Severity), where, f.What, f.Why})
	}
	return t
}
