// Command berth is Amazon ECS that people run themselves: `berth dev` is the control plane and the agent in one process,
// the other verbs talk to it. This package parses what people type and assembles the rooms; it decides nothing itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command()
	if err := root.ExecuteContext(ctx); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			os.Exit(130)
		}
		fmt.Fprintln(os.Stderr, "berth:", err)
		var exit exitCode
		if errors.As(err, &exit) {
			os.Exit(int(exit.code))
		}
		os.Exit(1)
	}
}

// exitCode is an error that asks for a certain exit code.
type exitCode struct {
	code int
	err  error
}

func (e exitCode) Error() string { return e.err.Error() }
func (e exitCode) Unwrap() error { return e.err }

// command returns the whole command line.
func command() *cobra.Command {
	var flags globals
	root := &cobra.Command{
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
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&flags.name, "name", "", "which Berth of this machine (default: the one without a name)")
	root.PersistentFlags().StringVar(&flags.dataDir, "data-dir", "", "its data directory (default /var/lib/berth, or berth-NAME beside it)")
	root.PersistentFlags().StringVarP(&flags.output, "output", "o", "text", "text for people, json for programs")
	root.PersistentFlags().StringVar(&flags.cluster, "cluster", "default", "ECS cluster")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return flags.check() }
	root.AddCommand(
		devCommand(&flags), waitCommand(&flags), downCommand(&flags), resetCommand(&flags), cleanCommand(&flags), envCommand(&flags),
		runCommand(&flags), psCommand(&flags), logsCommand(&flags), stopCommand(&flags), imageCommand(&flags), versionCommand(&flags),
	)
	return root
}

// globals are the flags that every verb has.
type globals struct {
	name, dataDir, output, cluster string
}

func (g *globals) check() error {
	if g.output != "text" && g.output != "json" {
		return fmt.Errorf("--output %q: it is text or json", g.output)
	}
	return nil
}
