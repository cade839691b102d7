package main

import (
	"runtime"

	"github.com/spf13/cobra"
)

func versionCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  berth version",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			platform := runtime.GOOS + "/" + runtime.GOARCH
			v := map[string]string{"version": version, "go": runtime.Version(), "platform": platform}
			return flags.say(cmd.OutOrStdout(), v, "berth %s (%s, %s)", version, runtime.Version(), platform)
		},
	}
}
