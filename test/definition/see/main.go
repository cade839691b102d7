// Command see is the container's program of test/definition: it prints what it sees of its surroundings, a fact a line as
// `name=value`, and `end`. Then it does as its last argument says: hold waits for SIGTERM and ends with 0, deaf ignores it,
// exit ends with 3.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
)

func main() {
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	process()
	environment()
	limits()
	files()
	network()
	metadata()
	fmt.Println("end")
	switch os.Args[len(os.Args)-1] {
	case "hold":
		<-terminated
	case "deaf":
		time.Sleep(time.Hour)
	case "exit":
		os.Exit(3)
	}
}

func say(name string, values ...any) {
	fmt.Println(name + "=" + strings.TrimSpace(fmt.Sprintln(values...)))
}

// read is a file's content without its last newline, or why it has none.
func read(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return reason(err)
	}
	return strings.TrimSpace(string(content))
}

func reason(err error) string {
	var code syscall.Errno
	if errors.As(err, &code) {
		return code.Error()
	}
	return err.Error()
}

func process() {
	say("args", strings.Join(os.Args[1:], " "))
	dir, _ := os.Getwd()
	say("directory", dir)
	groups, _ := os.Getgroups()
	say("user", os.Getuid(), os.Getgid(), groups)
	name, _ := os.Hostname()
	say("hostname", name, read("/etc/hostname"))
	say("first process", first(read("/proc/1/cmdline"), "\x00"))
	input, err := io.ReadAll(os.Stdin)
	say("standard input", len(input), err)
	status, _ := os.Open("/proc/self/status")
	for lines := bufio.NewScanner(status); lines.Scan(); {
		switch field, value, _ := strings.Cut(lines.Text(), ":"); field {
		case "CapEff", "CapBnd", "NoNewPrivs", "Seccomp":
			say(field, strings.TrimSpace(value))
		}
	}
}

func first(text, separator string) string {
	text, _, _ = strings.Cut(text, separator)
	return text
}

func environment() {
	for _, v := range os.Environ() {
		fmt.Println("env." + v)
	}
}

func limits() {
	for name, resource := range map[string]int{"core": syscall.RLIMIT_CORE, "stack": syscall.RLIMIT_STACK, "memlock": 8, "nproc": 6} {
		var l syscall.Rlimit
		_ = syscall.Getrlimit(resource, &l)
		say("ulimit."+name, l.Cur, l.Max)
	}
	for name, files := range map[string][2]string{ // of cgroups v1 and v2
		"memory":      {"memory/memory.limit_in_bytes", "memory.max"},
		"reservation": {"memory/memory.soft_limit_in_bytes", "memory.low"},
		"cpu":         {"cpu/cpu.shares", "cpu.weight"},
	} {
		value := read("/sys/fs/cgroup/" + files[0])
		if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
			value = read("/sys/fs/cgroup/" + files[1])
		}
		say("cgroup."+name, value)
	}
	for _, path := range []string{"net/core/somaxconn", "net/ipv4/ip_unprivileged_port_start", "kernel/msgmax"} {
		say("sysctl."+strings.ReplaceAll(path, "/", "."), read("/proc/sys/"+path))
	}
}

func files() {
	mounts, _ := os.Open("/proc/self/mounts")
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		switch f := strings.Fields(lines.Text()); f[1] {
		case "/scratch", "/dev/shm":
			say("mount."+f[1], f[2], f[3])
		}
	}
	for _, path := range []string{"/new", "/scratch/new", "/shared/new", "/proc/sys/kernel/hostname", "/sys/new"} {
		err := os.WriteFile(path, nil, 0o644)
		if err == nil {
			say("write."+path, "done")
		} else {
			say("write."+path, reason(err))
		}
	}
	for _, path := range []string{"/etc/hosts", "/etc/resolv.conf"} {
		lines := strings.Split(strings.TrimSpace(read(path)), "\n")
		say("last."+path, lines[len(lines)-1])
	}
	content, err := os.ReadFile("/proc/timer_list")
	say("timer list", len(content), err)
	devices, _ := filepath.Glob("/dev/see*")
	for _, path := range devices {
		for _, way := range []struct {
			name string
			flag int
		}{{"read", os.O_RDONLY}, {"write", os.O_WRONLY}} {
			file, err := os.OpenFile(path, way.flag, 0)
			if err == nil {
				file.Close()
				say("device."+way.name+path, "done")
			} else {
				say("device."+way.name+path, reason(err))
			}
		}
	}
}

func network() {
	var names []string
	links, _ := net.Interfaces()
	for _, l := range links {
		names = append(names, l.Name)
	}
	say("links", names)
}

// metadata is what the task's own endpoint tells of this container.
func metadata() {
	url := os.Getenv("ECS_CONTAINER_METADATA_URI_V4")
	if url == "" {
		return
	}
	answer, err := http.Get(url)
	if err != nil {
		say("metadata", err)
		return
	}
	defer answer.Body.Close()
	var container struct {
		Name   string
		Labels map[string]string
		Limits struct{ CPU, Memory float64 }
	}
	if err := json.UnmarshalRead(answer.Body, &container); err != nil {
		say("metadata", err)
		return
	}
	say("metadata.name", container.Name)
	say("metadata.limits", container.Limits.CPU, container.Limits.Memory)
	for name, value := range container.Labels {
		say("label."+name, value)
	}
}
