package main

import (
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func whyCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "why [SERVICE|DEPLOYMENT|TASK|FAMILY|GROUP]",
		Short: "Explain how a service is, what became of a task, or why it found no room",
		Long: "Why says in its first line what happened to a task, then why and what to do about it, and shows the evidence: exit codes,\n" +
			"reasons, the last log lines, how long each step took, and the verdict on each machine. It works for 30 days after a task\n" +
			"has stopped. Of a service or a deployment it says how it is and what holds it up: its newest deployment, its events, the\n" +
			"health of its targets, and the task of it that failed last.\n\n" +
			"A name that is a service's means the service. A family or group means its latest task, or its latest launch that found no\n" +
			"room; without a name it is the cluster's last launch that found no room, or else the last task that stopped.",
		Example: "  berth why 3f2a\n  berth why web                                  # a service, or a family\n  berth why                                      # the last RunTask that found no room",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%q is one argument too many", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			explanation, err := t.operator.Why(cmd.Context(), t.cluster, name)
			if err != nil {
				return err
			}
			if flags.output == "json" {
				return writeJSON(cmd.OutOrStdout(), explanation)
			}
			for i, next := range explanation.Next {
				explanation.Next[i] = flags.addressed(next)
			}
			return explanation.Print(cmd.OutOrStdout(), time.Local)
		},
	}
}

// ownCommand is where a line names a command of this program: at its beginning, behind a pipe, or in backquotes.
var ownCommand = regexp.MustCompile("(^|[|] |`)berth ")

// addressed is a line of advice with its commands as they are to be typed for this Berth.
func (g *globals) addressed(advice string) string {
	return ownCommand.ReplaceAllString(advice, "${1}"+strings.ReplaceAll(g.line(), "$", "$$")+" ")
}
