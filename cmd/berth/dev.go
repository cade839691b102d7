package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/instance"
)

// devOptions are the flags of `berth dev`.
type devOptions struct {
	listen    string
	account   string
	region    string
	engine    string
	noSeccomp bool
	strict    bool
	keepTasks bool
	detach    bool
	verbose   bool
}

func devCommand(flags *globals) *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run Berth on this machine: control plane and agent in one process",
		Long: "Dev runs Berth until Ctrl-C or SIGTERM, which end its tasks too unless --keep-tasks is given. Whatever is left running,\n" +
			"also after a crash, is adopted by the next start on the same data directory.",
		Example: `  berth dev
  berth dev -d                                   # in the background
  berth --name two dev --listen 127.0.0.1:0      # another one beside it, on any free port`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if o.detach {
				return flags.startDetached(cmd.Context(), os.Args[1:], cmd.OutOrStdout())
			}
			return flags.dev(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:4566", "address of the AWS APIs; port 0 takes any free one")
	f.StringVar(&o.account, "account", "000000000000", "AWS account, 12 digits")
	f.StringVar(&o.region, "region", "us-east-1", "AWS region of what Berth itself makes and of `berth env`")
	f.StringVar(&o.engine, "engine", "native", "native runs containers; fake only says so, for tests of the control plane")
	f.BoolVar(&o.noSeccomp, "no-seccomp", false, "run containers without a system call filter where this kernel or build has none")
	f.BoolVar(&o.strict, "strict-capacity", false, "reserve the CPU of Fargate tasks, as `berth server` does")
	f.BoolVar(&o.keepTasks, "keep-tasks", false, "leave tasks running at the end")
	f.BoolVarP(&o.detach, "detach", "d", false, "run in the background")
	f.BoolVar(&o.verbose, "verbose", false, "log what happens inside")
	return cmd
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]$`)
)

func (o *devOptions) check() error {
	host, port, err := net.SplitHostPort(o.listen)
	switch ip := net.ParseIP(host); {
	case err != nil || port == "":
		return fmt.Errorf("--listen %q: it is an address and a port, such as 127.0.0.1:4566", o.listen)
	case host != "localhost" && (ip == nil || !ip.IsLoopback()):
		return fmt.Errorf("--listen %q: berth dev listens on loopback only, such as 127.0.0.1:4566: it trusts this machine's users", o.listen)
	case !accountPattern.MatchString(o.account):
		return fmt.Errorf("--account %q: it is 12 digits", o.account)
	case !regionPattern.MatchString(o.region):
		return fmt.Errorf("--region %q: it is a region's name, such as us-east-1", o.region)
	case o.engine != "native" && o.engine != "fake":
		return fmt.Errorf("--engine %q: it is native or fake", o.engine)
	case o.engine == "native" && os.Getuid() != 0:
		return errors.New("berth dev runs containers, which needs root: start it by `sudo berth dev`, or try the APIs alone by --engine fake")
	}
	return nil
}

// dev runs until ctx ends, which a signal does, or `berth down` asks.
func (g *globals) dev(ctx context.Context, o devOptions, out, errOut io.Writer) (err error) {
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: level}))
	in, err := instance.Open(g.dir())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	listener, err := listen(o.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	m, err := newMachine(ctx, in, o, listener, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "berth %s answers at %s (data in %s)\n", version, m.endpoint, in.Dir)
	return m.run(ctx)
}

// listen takes the address, or says who may have it.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil && strings.Contains(err.Error(), "address already in use") {
		return nil, fmt.Errorf("%s is taken: another Berth or an emulator may run there (`berth down` ends this one); --listen 127.0.0.1:0 takes any free port", address)
	}
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", address, err)
	}
	return l, nil
}
