//go:build cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// reaperPath is where this program is mounted in a container that asked for an init process.
const reaperPath = "/dev/berth-init"

// underReaper has the container's process started by this program as process 1.
func underReaper(s *specs.Spec) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s.Mounts = append(s.Mounts, specs.Mount{
		Destination: reaperPath, Source: self, Type: "bind", Options: []string{"bind", "ro", "nosuid", "nodev"},
	})
	s.Process.Args = append([]string{reaperPath}, s.Process.Args...)
	return nil
}

// reap runs a command as a child, passes every signal on to it, reaps what is orphaned, and exits as the command does.
func reap(args []string) {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}          // a signal to its own group is not for this process
	if _, err := unix.IoctlGetInt(0, unix.TIOCGPGRP); err == nil { // the terminal is for the command: it would be stopped when it reads
		cmd.SysProcAttr.Foreground = true
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, os.ErrNotExist) {
			os.Exit(127)
		}
		os.Exit(126)
	}
	for s := range signals {
		// A full channel drops what comes, SIGCHLD too: any signal has the dead looked for.
		if number := s.(unix.Signal); number != unix.SIGCHLD && number != unix.SIGURG {
			unix.Kill(cmd.Process.Pid, number)
		}
		for {
			var status unix.WaitStatus
			pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
			if pid == cmd.Process.Pid {
				os.Exit(exitCode(status))
			}
			if pid <= 0 || err != nil {
				break
			}
		}
	}
}
