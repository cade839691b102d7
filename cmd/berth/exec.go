package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/berth-dev/berth/api/ecs"
	ssmapi "github.com/berth-dev/berth/api/ssm"
	ssm "github.com/berth-dev/berth/internal/ssm/client"
	"github.com/berth-dev/berth/internal/wire/client"
)

func execCommand(flags *globals) *cobra.Command {
	var container string
	cmd := &cobra.Command{
		Use:   "exec TASK|FAMILY [COMMAND [ARG...]]",
		Short: "Run a command in a container, with this terminal",
		Long: "Exec runs a command, sh unless another is given, in a container of a running task, as root and with a terminal, as\n" +
			"`aws ecs execute-command` does, but without its plugin. It exits as the command does. The task must have been run with\n" +
			"enableExecuteCommand, as `berth run` does.",
		Example: "  berth exec hello-web\n  berth exec -c web 3f2a ls -l /etc\n  berth exec hello-web sh -c 'echo $HOSTNAME'",
		Args:    atLeastOne("TASK or FAMILY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			task, err := t.one(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			command := args[1:]
			if len(command) > 0 && command[0] == "--" { // as other programs want it
				command = command[1:]
			}
			if len(command) == 0 {
				command = []string{"sh"}
			}
			return t.exec(cmd.Context(), task, container, command, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().SetInterspersed(false) // what follows TASK is the command's
	cmd.Flags().StringVarP(&container, "container", "c", "", "container's `NAME`, where the task has several")
	return cmd
}

// exited is a command's end with a code other than 0, which becomes the program's.
type exited int

func (e exited) Error() string { return fmt.Sprintf("the command exited with %d", int(e)) }

// one is the only running task that a word names.
func (t *target) one(ctx context.Context, word string) (*ecs.Task, error) {
	tasks, err := t.named(ctx, word, containersToo, ecs.DesiredStatusRunning)
	if err != nil {
		return nil, err
	}
	if len(tasks) > 1 {
		var ids []string
		for _, task := range tasks {
			ids = append(ids, shortID(task.TaskArn))
		}
		return nil, fmt.Errorf("%s names %s: say which, %s", word, count(len(tasks), "running task"), strings.Join(ids, " or "))
	}
	return &tasks[0], nil
}

func (t *target) exec(ctx context.Context, task *ecs.Task, container string, command []string, in io.Reader, out io.Writer) error {
	answer, err := client.Call(ctx, t.client, ecs.ExecuteCommand, &ecs.ExecuteCommandRequest{
		Cluster: t.cluster, Task: task.TaskArn, Container: container, Command: shellWords(command), Interactive: true,
	})
	if err != nil {
		if !task.EnableExecuteCommand {
			return fmt.Errorf("task %s was run without enableExecuteCommand, so that nothing can be executed in it: run it again with it", shortID(task.TaskArn))
		}
		return err
	}
	s, err := t.join(ctx, ssm.Access{StreamURL: answer.Session.StreamUrl, Token: answer.Session.TokenValue}, answer.Session.SessionId)
	if err != nil {
		return err
	}
	defer s.Close()
	restore, err := takeTerminal(ctx, in, s)
	if err != nil {
		return err
	}
	defer restore()
	go typeInto(s, in)
	if _, err := io.Copy(out, s); err != nil {
		return err
	}
	if code, known := s.ExitCode(); known && code != 0 {
		return exited(code)
	}
	return nil
}

// join joins a session, and again when the connection breaks.
func (t *target) join(ctx context.Context, a ssm.Access, session string) (*ssm.Session, error) {
	return ssm.Join(ctx, ssm.Config{Access: a, Version: "berth/" + version, Resume: func(ctx context.Context) (ssm.Access, error) {
		again, err := client.Call(ctx, t.client, ssmapi.ResumeSession, &ssmapi.ResumeSessionRequest{SessionId: session})
		if err != nil {
			return ssm.Access{}, err
		}
		return ssm.Access{StreamURL: again.StreamUrl, Token: again.TokenValue}, nil
	}})
}

// endOfFile is what a terminal's user types at the end of the input.
const endOfFile = "\x04"

// typeInto sends the input. One that is no terminal ends, which the command is told as a terminal tells it: at the beginning of
// a line, as within one it only hands on what was typed of it.
func typeInto(s io.Writer, in io.Reader) {
	last := newline{true}
	if _, err := io.Copy(io.MultiWriter(s, &last), in); err != nil {
		return
	}
	end := endOfFile
	if !last.is {
		end += endOfFile
	}
	_, _ = io.WriteString(s, end) // a session that is over needs no end of its input
}

// newline tells whether what was written to it last ended a line.
type newline struct{ is bool }

func (n *newline) Write(p []byte) (int, error) {
	if len(p) > 0 {
		n.is = p[len(p)-1] == '\n' || p[len(p)-1] == '\r'
	}
	return len(p), nil
}

// takeTerminal hands each key of a terminal on as it is typed, and its size as it changes, until restore.
func takeTerminal(ctx context.Context, in io.Reader, s *ssm.Session) (restore func(), err error) {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}, nil
	}
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, fmt.Errorf("take the terminal: %w", err)
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if width, height, err := term.GetSize(int(f.Fd())); err == nil && s.Resize(width, height) != nil {
				return
			}
			select {
			case <-resized:
			case <-ctx.Done():
			}
		}
	}()
	return func() {
		cancel()
		signal.Stop(resized)
		<-done
		_ = term.Restore(int(f.Fd()), before) // the terminal is as it was, or gone
	}, nil
}

// shellWords joins words so that a shell, and ECS, splits them again as they were.
func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "'" + strings.ReplaceAll(w, "'", `'"'"'`) + "'"
	}
	return strings.Join(quoted, " ")
}
