package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// deployOptions are the flags of `berth deploy`.
type deployOptions struct {
	waitOptions
	service     string
	images      []string
	definitions string
	before      string
	create      bool
	count       int
}

func deployCommand(flags *globals) *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "deploy [FILE|-]",
		Short: "Deploy a task definition to a service, and wait until it runs or has failed",
		Long: "Deploy registers the task definition in FILE, updates the service that runs its family, or the one of --service, and shows\n" +
			"the progress until the service is stable; if the deployment fails it says why. Without a FILE the service's present\n" +
			"definition is taken, with the images that the flags name.",
		Example: `  berth deploy examples/hello-web/task-definition.json --create
  berth deploy --service web --image shop/web:v2
  berth deploy --service web --image app=shop/web:v2 --before 'bin/migrate up'
  berth deploy --service web --imagedefinitions imagedefinitions.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%q is one argument too many", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for name, is := range map[string]string{"before": "a command", "imagedefinitions": "a file's name", "service": "a service's name"} {
				if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" { // an empty variable must not leave a migration out
					return usagef("--%s is empty: it is %s", name, is)
				}
			}
			if cmd.Flags().Changed("count") && !o.create {
				return usagef("--count is for a service that --create makes; `%s` changes that of one there is", flags.line("service", "scale", "SERVICE", "COUNT"))
			}
			if err := errors.Join(o.check(args), o.waitOptions.check()); err != nil {
				return err
			}
			t, err := flags.connect()
			if err != nil {
				return err
			}
			return t.deploy(cmd.Context(), args, o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.service, "service", "", "the service's `NAME`; by default the one that runs the definition's family")
	f.StringArrayVar(&o.images, "image", nil, "`NAME` or CONTAINER=NAME of an image that replaces the definition's; repeatable")
	f.StringVar(&o.definitions, "imagedefinitions", "", "`FILE` with the images of containers, as CodePipeline writes it")
	f.StringVar(&o.before, "before", "", "`COMMAND` or CONTAINER=COMMAND that a task of the new definition runs first; if it fails nothing is deployed")
	f.BoolVar(&o.create, "create", false, "create the service if there is none, with a circuit breaker that rolls back")
	f.IntVar(&o.count, "count", 1, "how many tasks a service that is created has")
	o.flags(f)
	return cmd
}

func (o *deployOptions) check(args []string) error {
	switch {
	case len(args) == 0 && o.service == "":
		return usagef("FILE is missing: name one, or a --service and the images that it is to run")
	case len(args) == 0 && len(o.images) == 0 && o.definitions == "":
		return usagef("nothing would change: name a FILE, an --image or --imagedefinitions")
	case len(args) == 0 && o.create:
		return usagef("--create needs a FILE: a service that is not there has no definition")
	case slices.Contains(o.images, ""):
		return usagef("--image is empty: it is an image's name")
	case o.count < 0:
		return usagef("--count %d: it is a number of tasks", o.count)
	}
	return nil
}

func (t *target) deploy(ctx context.Context, args []string, o deployOptions, stdin io.Reader, out, errOut io.Writer) error {
	in, from, err := readDefinition(args, stdin)
	if err != nil {
		return err
	}
	service, err := t.deployTo(ctx, in, o)
	if err != nil {
		return err
	}
	if in == nil {
		from = "the definition of " + service.ServiceName
		if in, err = t.presentDefinition(ctx, service.TaskDefinition); err != nil {
			return err
		}
	}
	if err := o.replaceImages(in); err != nil {
		return err
	}
	var first *firstTask
	if o.before != "" {
		if first, err = taskBefore(in, o.before); err != nil {
			return err
		}
	}
	answer, err := client.Call(ctx, t.client, ecs.RegisterTaskDefinition, in)
	if err != nil {
		return fmt.Errorf("register %s: %w", from, err)
	}
	definition := answer.TaskDefinition
	if first != nil {
		if err := t.runBefore(ctx, definition, service, first, o.timeout, errOut); err != nil {
			return err
		}
	}
	after, err := t.put(ctx, service, definition, o)
	if err != nil {
		return t.clusterError(err)
	}
	r, err := t.follow(ctx, service, after, errOut)
	if err != nil {
		return err
	}
	return r.end(ctx, o.waitOptions, out)
}

// readDefinition reads the definition that is named, nil when none is, and says where it is from.
func readDefinition(args []string, stdin io.Reader) (in *ecs.RegisterTaskDefinitionRequest, from string, err error) {
	if len(args) == 0 {
		return nil, "", nil
	}
	var text []byte
	if from = args[0]; from == "-" {
		from = "standard input"
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(from)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, from, fmt.Errorf("there is no file %s", from)
	case err != nil:
		return nil, from, fmt.Errorf("read the task definition: %w", err)
	}
	if in, err = parseDefinition(text); err != nil {
		return nil, from, fmt.Errorf("%s is not a task definition: %w", from, err)
	}
	return in, from, nil
}

// presentDefinition is a registered definition as it would be registered again.
func (t *target) presentDefinition(ctx context.Context, arn string) (*ecs.RegisterTaskDefinitionRequest, error) {
	answer, err := client.Call(ctx, t.client, ecs.DescribeTaskDefinition, &ecs.DescribeTaskDefinitionRequest{TaskDefinition: arn, Include: []ecs.TaskDefinitionField{ecs.TaskDefinitionFieldTags}})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(answer.TaskDefinition)
	if err != nil {
		return nil, err
	}
	in := new(ecs.RegisterTaskDefinitionRequest)
	if len(answer.Tags) > 0 { // an empty list is refused
		in.Tags = answer.Tags
	}
	return in, json.Unmarshal(text, in)
}
