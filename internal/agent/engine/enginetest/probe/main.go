// Command probe is what the conformance suite runs in containers: it does what its arguments say, so that the suite can
// look at it from outside. Images for the suite hold it as /probe; package enginetest builds it.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail("probe: say what to do")
	}
	do, ok := map[string]func(args []string){
		"exit": exit, "sleep": sleep, "stubborn": stubborn, "print": print, "count": count, "eat": eat, "env": env, "cat": cat,
		"write": write, "fill": fill, "id": id, "pwd": pwd, "limit": limit, "orphan": orphan, "mkdir": mkdir, "hostname": hostname,
		"status": status, "unshare": unshare, "kill": kill, "late": late, "freeze": freeze,
		"listen": listen, "burn": burn, "copy": copyInput, "others": others, "terminal": terminal,
		"get": get, "lookup": lookup, "serve": serve,
		"stdin": stdin, "namespace": namespace, "interfaces": interfaces, "bomb": bomb,
	}[os.Args[1]]
	if !ok {
		fail("probe: can't " + os.Args[1])
	}
	do(os.Args[2:])
}

func fail(v any) {
	fmt.Fprintln(os.Stderr, v)
	os.Exit(1)
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	check(err)
	return n
}

// exit CODE ends at once.
func exit(args []string) { os.Exit(number(args[0])) }

// sleep says "ready" and waits for SIGTERM, then says "bye" and ends with 0.
func sleep([]string) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("ready")
	<-term
	fmt.Println("bye")
}

// stubborn says "ready" and ignores SIGTERM.
func stubborn([]string) {
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("ready")
	forever()
}

// print COUNT [WIDTH] prints numbered lines, the odd ones to stderr, each padded to WIDTH.
func print(args []string) {
	pad := ""
	if len(args) > 1 {
		pad = strings.Repeat("x", number(args[1]))
	}
	for i := range number(args[0]) {
		out := os.Stdout
		if i%2 == 1 {
			out = os.Stderr
		}
		fmt.Fprintf(out, "%d%s\n", i, pad)
	}
}

// count MICROSECONDS prints numbers to stdout, one every so often, until SIGTERM.
func count(args []string) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	tick := time.NewTicker(time.Duration(number(args[0])) * time.Microsecond)
	for i := 0; ; i++ {
		select {
		case <-tick.C:
			fmt.Println(i)
		case <-term:
			return
		}
	}
}

// eat MEGABYTES takes memory and keeps it.
func eat(args []string) {
	block := make([]byte, number(args[0])<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	fmt.Println("ate", len(block), block[0])
	forever()
}

// env prints the environment, env NAME one variable.
func env(args []string) {
	if len(args) > 0 {
		fmt.Println(os.Getenv(args[0]))
		return
	}
	for _, e := range os.Environ() {
		fmt.Println(e)
	}
}

// cat FILE prints a file.
func cat(args []string) {
	content, err := os.ReadFile(args[0])
	check(err)
	os.Stdout.Write(content)
}

// write FILE writes one.
func write(args []string) { check(os.WriteFile(args[0], []byte("written\n"), 0o644)) }

// fill FILE MIB writes one of so many MiB, to the disk.
func fill(args []string) {
	n, err := strconv.Atoi(args[1])
	check(err)
	f, err := os.Create(args[0])
	check(err)
	_, err = f.Write(make([]byte, n<<20))
	check(errors.Join(err, f.Sync(), f.Close()))
}

func mkdir(args []string) { check(os.Mkdir(args[0], 0o755)) }

// id prints user, group and the other groups.
func id([]string) {
	groups, err := os.Getgroups()
	check(err)
	fmt.Println(os.Getuid(), os.Getgid(), groups)
}

func pwd([]string) {
	dir, err := os.Getwd()
	check(err)
	fmt.Println(dir)
}

func hostname([]string) {
	name, err := os.Hostname()
	check(err)
	fmt.Println(name)
}

// limit prints the limits of a core file. (Go raises that of open files for itself.)
func limit([]string) {
	var l syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_CORE, &l))
	fmt.Println(l.Cur, l.Max)
}

// status NAME prints a line of /proc/self/status, such as CapEff, Seccomp or NoNewPrivs.
func status(args []string) {
	content, err := os.ReadFile("/proc/self/status")
	check(err)
	for line := range strings.Lines(string(content)) {
		if value, ok := strings.CutPrefix(line, args[0]+":"); ok {
			fmt.Println(strings.TrimSpace(value))
		}
	}
}

// unshare tries what Docker's seccomp profile forbids: a new user namespace.
func unshare([]string) {
	cmd := exec.Command("/proc/self/exe", "exit", "0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	check(cmd.Run())
}

// kill SIGNAL sends itself a signal.
func kill(args []string) {
	check(syscall.Kill(os.Getpid(), syscall.Signal(number(args[0]))))
	forever()
}

// freeze stops whatever else comes to be in its namespace.
func freeze([]string) {
	fmt.Println("freezing")
	for {
		_ = syscall.Kill(-1, syscall.SIGSTOP)
	}
}

func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// late MILLISECONDS asks for SIGTERM only after a while, then ends with 0 when it comes.
func late(args []string) {
	time.Sleep(time.Duration(number(args[0])) * time.Millisecond)
	sleep(nil)
}

// orphan leaves grandchildren to process 1, prints how many of its process ids are dead and not reaped once they have all
// ended, and its own process id.
func orphan(args []string) {
	if len(args) > 0 { // the child: starts the grandchild and ends before it
		check(exec.Command("/proc/self/exe", "exit", "0").Start())
		return
	}
	for range 5 {
		check(exec.Command("/proc/self/exe", "orphan", "child").Run())
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if others, dead := processes(); others == 0 || time.Now().After(deadline) {
			fmt.Println("dead", dead, "pid", os.Getpid())
			return
		}
	}
}

// processes counts the processes that are neither process 1 nor this one, and the dead among them.
func processes() (others, dead int) {
	entries, err := os.ReadDir("/proc")
	check(err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		status, readErr := os.ReadFile("/proc/" + e.Name() + "/status")
		if err != nil || readErr != nil || pid == 1 || pid == os.Getpid() {
			continue
		}
		others++
		if strings.Contains(string(status), "State:\tZ") {
			dead++
		}
	}
	return others, dead
}
