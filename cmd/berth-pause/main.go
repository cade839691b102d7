//go:build linux

// Command berth-pause keeps a task's namespaces on Docker while its containers come and go, and carries what the agent has
// to do with them over its standard input and output (package carrier). The Docker engine (internal/agent/engine/docker)
// makes an image of it, FROM scratch, and runs it as the container that the task's others join. It ends when it is killed.
package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strconv"

	"github.com/go-json-experiment/json"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: berth-pause CONFIG | berth-pause kill MARK"))
	}
	if os.Args[1] == "kill" {
		kill(os.Args[2:])
		return
	}
	var config carrier.Config
	if err := json.Unmarshal([]byte(os.Args[1]), &config); err != nil {
		fail(fmt.Errorf("read the configuration: %w", err))
	}
	go reap()
	outlet, err := open(config)
	if err != nil {
		fail(err)
	}
	_ = outlet.Run(os.Stdin, os.Stdout) // Docker keeps both open as long as it runs
	select {}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "berth-pause:", err)
	os.Exit(1)
}

// open makes of the namespace what the configuration says.
func open(c carrier.Config) (*carrier.Outlet, error) {
	for path, content := range c.Files {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	if err := configure(c); err != nil {
		return nil, err
	}
	outlet := carrier.Outlet{Address: address, Signs: put}
	var err error
	if c.Listen != "" {
		if outlet.Listener, err = net.Listen("tcp", c.Listen); err != nil {
			return nil, err
		}
	}
	if c.Resolver.IsValid() {
		address := netip.AddrPortFrom(c.Resolver, 53).String()
		if outlet.DNS, err = net.Listen("tcp", address); err != nil {
			return nil, err
		}
		if outlet.Packets, err = net.ListenPacket("udp", address); err != nil {
			return nil, err
		}
	}
	return &outlet, nil
}

// reap takes the exit statuses of processes whose parents have died, where this is process 1 of a task's namespace.
func reap() {
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	for range children {
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if err != nil || pid <= 0 {
				break
			}
		}
	}
}

// kill ends the processes of this namespace in whose environment there is a mark, which is how exec's are told apart.
func kill(marks []string) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		fail(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environment, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && marked(environment, marks) {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended
		}
	}
}
