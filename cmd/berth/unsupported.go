package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/unsupported"
)

func unsupportedCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "unsupported",
		Short: "List what was asked for so far and refused or ignored",
		Long: "Lists what was asked of the AWS APIs so far and is not done: operations and services that are not built, parameters\n" +
			"and values that are refused, and parameters that were ignored, as AWS ignores what it does not know. Values that\n" +
			"were sent are not kept. The list survives restarts; `berth reset` begins it anew.",
		Example: "  berth unsupported\n  berth unsupported --output json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			record, err := t.operator.Unsupported(cmd.Context())
			if err != nil {
				return err
			}
			out, since := cmd.OutOrStdout(), record.Since.Local().Format(time.DateTime)
			if flags.output == "text" && len(record.Entries) == 0 {
				_, err := fmt.Fprintf(out, "since %s nothing was asked for that Berth does not do\n", since)
				return err
			}
			if err := flags.show(out, record, unsupportedTable(record, time.Now())); err != nil || flags.output == "json" {
				return err
			}
			fmt.Fprintf(out, "\nasked for since %s", since)
			if record.More > 0 {
				fmt.Fprintf(out, ", and %s for what finds no room here", count(int(record.More), "request"))
			}
			_, err = fmt.Fprintln(out)
			return err
		},
	}
}

func unsupportedTable(record unsupported.Record, now time.Time) table {
	t := table{header: []string{"SERVICE", "OPERATION", "PARAMETER", "COUNT", "LAST", "IS", "BECAUSE"}}
	for _, e := range record.Entries {
		operation, parameter := e.Operation, e.Parameter
		if operation == "" {
			operation = "-"
		}
		if parameter == "" {
			parameter = "-"
		}
		if e.Value != "" {
			parameter += "=" + e.Value
		}
		t.rows = append(t.rows, []string{e.Service, operation, parameter, strconv.FormatInt(e.Count, 10), ageText(e.Last, now), e.Did, e.Why})
	}
	return t
}
