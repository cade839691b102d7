package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/xtaci/smux"

	"github.com/berth-dev/berth/api/ecs"
	ssmapi "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/progress"
	ssm "github.com/berth-dev/berth/internal/ssm/client"
	"github.com/berth-dev/berth/internal/wire/client"
)

func portForwardCommand(flags *globals) *cobra.Command {
	var container, host string
	cmd := &cobra.Command{
		Use:   "port-forward TASK|FAMILY [LOCAL:]PORT",
		Short: "Reach a port in a container from this machine",
		Long: "Port-forward listens on this machine's loopback, on the same port unless another is given (0: any that is free), and carries\n" +
			"each connection to the port as the container sees it, one on its own loopback included. It goes on until it is interrupted.\n" +
			"The task must have been run with enableExecuteCommand, as `berth run` does.",
		Example: "  berth port-forward hello-web 8080:80\n  berth port-forward -c app --host 172.31.0.9 3f2a 0:5432",
		Args:    exactly("TASK or FAMILY", "PORT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			local, remote, err := portPair(args[1])
			if err != nil {
				return err
			}
			t, err := flags.connect()
			if err != nil {
				return err
			}
			task, err := t.one(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return t.forward(cmd.Context(), task, container, host, local, remote, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVarP(&container, "container", "c", "", "container's `NAME`, where the task has several")
	cmd.Flags().StringVar(&host, "host", "", "`ADDRESS` to reach from the container (default: the container itself)")
	return cmd
}

// portPair reads "PORT" or "LOCAL:PORT".
func portPair(text string) (local, remote uint16, err error) {
	first, second, two := strings.Cut(text, ":")
	if !two {
		second = first
	}
	l, localErr := strconv.ParseUint(first, 10, 16)
	r, remoteErr := strconv.ParseUint(second, 10, 16)
	if localErr != nil || remoteErr != nil || r == 0 {
		return 0, 0, usagef("%q: it is PORT or LOCAL:PORT, each a number up to 65535", text)
	}
	return uint16(l), uint16(r), nil
}

// forwarded is where a port is reached.
type forwarded struct {
	Task    string `json:"task"`
	Address string `json:"address"` // on this machine
	Port    uint16 `json:"port"`    // in the container
}

func (t *target) forward(ctx context.Context, task *ecs.Task, container, host string, local, remote uint16, out, errOut io.Writer) error {
	target, err := t.sessionTarget(task, container)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(local))))
	if err != nil {
		return fmt.Errorf("listen on port %d: %w; LOCAL:%d chooses another, 0 one that is free", local, err, remote)
	}
	defer listener.Close()
	in := ssmapi.StartSessionRequest{Target: target, DocumentName: "AWS-StartPortForwardingSession",
		Parameters: map[string][]string{"portNumber": {strconv.Itoa(int(remote))}}}
	if host != "" {
		in.DocumentName, in.Parameters["host"] = "AWS-StartPortForwardingSessionToRemoteHost", []string{host}
	}
	answer, err := client.Call(ctx, t.client, ssmapi.StartSession, &in)
	if err != nil {
		return err
	}
	s, err := t.join(ctx, ssm.Access{StreamURL: answer.StreamUrl, Token: answer.TokenValue}, answer.SessionId)
	if err != nil {
		return err
	}
	defer s.Close()
	config := smux.DefaultConfig()
	config.KeepAliveDisabled = true
	mux, err := smux.Client(s, config)
	if err != nil {
		return err
	}
	defer mux.Close()
	at := forwarded{shortID(task.TaskArn), listener.Addr().String(), remote}
	if t.flags.output == "json" {
		err = writeJSON(out, at)
	} else {
		_, err = fmt.Fprintf(out, "%s is port %d of %s in task %s\n", at.Address, remote, cmp.Or(host, "the container"), at.Task)
	}
	if err != nil {
		return err
	}
	p := progress.To(errOut)
	defer p.Done()
	p.State("forwarding until interrupted")
	return carryAll(ctx, listener, mux)
}

// carryAll carries the connections that a listener takes, until ctx or the session ends.
func carryAll(ctx context.Context, listener net.Listener, mux *smux.Session) error {
	go func() {
		select {
		case <-ctx.Done():
		case <-mux.CloseChan():
		}
		listener.Close()
	}()
	for {
		local, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && mux.IsClosed():
			return fmt.Errorf("the session has ended: its container or its machine's agent is gone")
		case err != nil:
			return err
		}
		remote, err := mux.OpenStream()
		if err != nil {
			local.Close()
			continue
		}
		go func() {
			defer local.Close()
			go func() {
				_, _ = io.Copy(remote, local)
				remote.Close()
			}()
			_, _ = io.Copy(local, remote)
		}()
	}
}

// sessionTarget names a task's container as Session Manager does.
func (t *target) sessionTarget(task *ecs.Task, container string) (string, error) {
	var names []string
	for _, c := range task.Containers {
		names = append(names, c.Name)
		if c.Name == container || container == "" && len(task.Containers) == 1 {
			if c.RuntimeId == "" {
				return "", fmt.Errorf("container %s of task %s does not run yet", c.Name, shortID(task.TaskArn))
			}
			return fmt.Sprintf("ecs:%s_%s_%s", afterSlash(task.ClusterArn), afterSlash(task.TaskArn), c.RuntimeId), nil
		}
	}
	if container == "" {
		return "", usagef("task %s has several containers (%s): --container says which", shortID(task.TaskArn), joinWords(names))
	}
	return "", fmt.Errorf("task %s has no container %q, only %s", shortID(task.TaskArn), container, joinWords(names))
}
