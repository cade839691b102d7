package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/disk"
	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/progress"
)

// devOptions are the flags of `berth dev`.
type devOptions struct {
	listen    string
	account   string
	region    string
	engine    string
	noSeccomp bool
	strict    bool
	fast      bool
	keepTasks bool
	detach    bool
	noHosts   bool
	verbose   bool
	images    imageOptions
	efs       efsFlag
	forward   forwardFlag

	accessLogs string

	secretsKey    string
	giveUpSecrets bool
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
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.check(), o.images.complete(cmd.Flags())); err != nil {
				return err
			}
			if o.detach {
				return flags.startDetached(cmd, cmd.OutOrStdout())
			}
			return flags.dev(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:4566", "loopback `ADDRESS`:PORT of the AWS APIs; port 0 takes any free one")
	f.StringVar(&o.account, "account", "000000000000", "AWS account, 12 `DIGITS`")
	f.StringVar(&o.region, "region", "us-east-1", "AWS `REGION` of what Berth itself makes and of berth env")
	f.StringVar(&o.engine, "engine", engineAuto, "`ENGINE` that runs containers: native needs Linux and root, docker a Docker daemon; auto is native where it can be; fake only says that it runs them")
	f.BoolVar(&o.noSeccomp, "no-seccomp", false, "run containers without a system call filter where this kernel or build has none")
	f.BoolVar(&o.strict, "strict-capacity", false, "reserve the CPU of Fargate tasks, however small this machine is")
	f.BoolVar(&o.fast, "fast", false, "deploy services faster than AWS: a task that nothing checks is healthy after 1 s (AWS: 40 s), and draining ends when no connection is open (AWS: after 300 s)")
	f.BoolVar(&o.keepTasks, "keep-tasks", false, "leave tasks running at the end")
	f.BoolVarP(&o.detach, "detach", "d", false, "run in the background")
	f.BoolVar(&o.noHosts, "no-hosts", false, "leave /etc/hosts alone where load balancers' names need it to be found")
	f.StringVar(&o.accessLogs, "access-logs", "", "`DIR` for the access logs of load balancers: a directory in it for each bucket of S3")
	o.images.flags(f)
	f.Var(&o.efs, "efs", "`ID`=DIRECTORY or ID=nfs://HOST/EXPORT that stands for a file system of EFS, such as fs-0123=/srv/shared; repeatable")
	f.Var(&o.forward, "forward", "`SERVICE`=URL where a service of AWS is that Berth calls and does not have: lambda=http://127.0.0.1:9001 has lifecycle hooks of deployments")
	f.StringVar(&o.secretsKey, "secrets-key", "", "`FILE` with the key that secrets are encrypted with, a Tink keyset; secrets-key in the data directory by default")
	f.BoolVar(&o.giveUpSecrets, "give-up-secrets", false, "start although the key of the secrets is lost; what was encrypted with it is never read again")
	f.BoolVar(&o.verbose, "verbose", false, "log what happens inside")
	return cmd
}

// healthyAfter is how long a task that nothing checks runs until it counts as healthy; 0: as long as on AWS.
func (o *devOptions) healthyAfter() time.Duration {
	if o.fast {
		return time.Second
	}
	return 0
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]$`)
)

func (o *devOptions) check() error {
	host, port, err := net.SplitHostPort(o.listen)
	ip := net.ParseIP(host)
	if host == "localhost" {
		ip = net.IPv4(127, 0, 0, 1)
	}
	number, portErr := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || ip == nil || portErr != nil:
		return usagef("--listen %q: it is an address and a port, such as 127.0.0.1:4566", o.listen)
	case !ip.IsLoopback():
		return usagef("--listen %q: berth dev listens on loopback only, such as 127.0.0.1:%d: it trusts this machine's users", o.listen, number)
	case !accountPattern.MatchString(o.account):
		return usagef("--account %q: it is 12 digits", o.account)
	case !regionPattern.MatchString(o.region):
		return usagef("--region %q: it is a region's name, such as us-east-1", o.region)
	case o.engine != engineAuto && o.engine != engineNative && o.engine != engineDocker && o.engine != engineFake:
		return usagef("--engine %q: it is auto, native, docker or fake", o.engine)
	case o.engine == engineNative && runtime.GOOS == "linux" && os.Getuid() != 0:
		return fmt.Errorf("--engine native runs containers, which takes root: start it by `%s`, or have Docker run them by --engine docker", again())
	case o.engine == engineDocker && o.images.docker == dockerNone:
		return usagef("--engine docker and --docker none contradict each other")
	}
	if o.engine == engineAuto {
		o.engine, err = o.choice()
	}
	o.listen = net.JoinHostPort(ip.String(), port)
	return err
}

// dev runs until ctx ends, which a signal does, or `berth down` asks.
func (g *globals) dev(ctx context.Context, o devOptions, out, errOut io.Writer) (err error) {
	// Whoever reads what dev writes may end first, as a pipe's reader does at Ctrl-C. That must not cut the end of the tasks short.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: level}))
	in, err := g.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if err := in.Withdraw(); err != nil {
		return err
	}
	if err := roomToStart(in); err != nil {
		return err
	}
	listener, err := g.listen(o.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	m, err := newMachine(ctx, in, o, listener, log)
	if err != nil {
		return err
	}
	m.progress = progress.To(errOut)
	return m.run(ctx, func() {
		g.welcome(out, m.announcement(), "")
		// A systemd unit of type notify waits for this. Where there is none, it does nothing.
		if _, err := daemon.SdNotify(true, daemon.SdNotifyReady); err != nil {
			log.Warn("systemd could not be told that berth is ready", "error", err)
		}
	})
}

// open owns the data directory, or says what helps.
func (g *globals) open() (*instance.Instance, error) {
	in, err := instance.Open(g.dir())
	switch {
	case errors.Is(err, instance.ErrInUse):
		err = fmt.Errorf("%w; `%s` ends it, --name starts another beside it", err, g.line("down"))
	case errors.Is(err, instance.ErrOwner) && os.Getuid() == 0:
		err = fmt.Errorf("%w; `%s` makes it root's, --data-dir chooses another", err, commandLine([]string{"chown", "-R", "root", g.dir()}))
	case errors.Is(err, instance.ErrOwner):
		err = fmt.Errorf("%w; choose another by --data-dir", err)
	}
	return in, err
}

// What a start writes at least, in bytes: the state's files have their whole size from the first moment.
const (
	firstStart = 192 << 20
	nextStart  = 32 << 20
)

// roomToStart refuses a full disk before anything on it is touched: what opens its files there takes them for damaged.
func roomToStart(in *instance.Instance) error {
	need := uint64(nextStart)
	if !in.Began("etcd") {
		need = firstStart
	}
	return disk.NewGuard(in.Dir, need).Room()
}

// started is what `berth dev` says once it is ready.
type started struct {
	instance.Announcement
	DataDir string `json:"dataDir"`
	Log     string `json:"log,omitzero"` // of one in the background
}

// fastText says what is not as on AWS under --fast.
const fastText = "Fast (--fast): tasks that nothing checks are healthy after 1 s (AWS: 40 s), and draining ends when no connection is open (AWS: after 300 s).\n\n"

// welcome says that Berth is ready, and what to type next. It runs in the background if it has a log.
func (g *globals) welcome(out io.Writer, a instance.Announcement, log string) error {
	dir, err := filepath.Abs(g.dir())
	if err != nil {
		return err
	}
	if g.output == "json" {
		return writeJSON(out, started{a, dir, log})
	}
	if log != "" {
		fmt.Fprintf(out, "berth %s runs in the background, at %s (engine: %s; log: %s)\n\n", version, a.Endpoint, a.Engine, log)
	} else {
		fmt.Fprintf(out, "berth %s answers at %s (engine: %s; data in %s); Ctrl-C ends it and its tasks\n\n", version, a.Endpoint, a.Engine, dir)
	}
	if a.Fast {
		fmt.Fprint(out, fastText)
	}
	if log == "" {
		fmt.Fprintln(out, "In another terminal:")
	}
	next := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(next, "  eval \"$(%s)\"\t# let aws and the SDKs talk to it\n", g.line("env"))
	fmt.Fprintf(next, "  %s\t# run a task definition\n", g.line("run", "FILE"))
	if log != "" {
		fmt.Fprintf(next, "  %s\t# end it and its tasks\n", g.line("down"))
	}
	fmt.Fprintf(next, "  %s\t# all verbs\n", commandLine([]string{os.Args[0], "help"}))
	return next.Flush()
}
