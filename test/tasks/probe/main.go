// Command probe is the container's program of test/tasks. Its first argument says what it does; `serve` does on request
// what a container can do, so that one running task answers many questions.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	args := append(os.Args[1:], "", "", "", "")
	switch args[0] {
	case "shell":
		shell()
	case "exit": // at once, with a code
		os.Exit(number(args[1]))
	case "run": // until SIGTERM, then with a code
		untilTerminated(number(args[1]))
	case "deaf": // never on its own
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("deaf")
		time.Sleep(time.Hour)
	case "count":
		printLines(number(args[1]), 0)
	case "print": // exactly this, as Go would read it in quotes
		text, err := strconv.Unquote(`"` + args[1] + `"`)
		if err != nil {
			fail(err)
		}
		io.WriteString(os.Stdout, text)
	case "both": // streams, in turn
		for n := 1; n <= 2; n++ {
			fmt.Println("out", n)
			time.Sleep(20 * time.Millisecond)
			fmt.Fprintln(os.Stderr, "err", n)
			time.Sleep(20 * time.Millisecond)
		}
	case "long": // a line of that many bytes, each what Go would read in quotes, then a short one
		text, err := strconv.Unquote(`"` + args[2] + `"`)
		if err != nil {
			fail(err)
		}
		fmt.Println(strings.Repeat(text, number(args[1])) + "\nend")
	case "hog": // MiB
		hog(number(args[1]))
	case "read": // files
		for _, path := range os.Args[2:] {
			if _, err := os.ReadFile(path); err != nil {
				fail(err)
			}
		}
	case "write": // a text into a file
		if err := os.WriteFile(args[1], []byte(args[2]), 0o644); err != nil {
			fail(err)
		}
	case "fill": // a file until its disk is full
		fill(args[1])
	case "fork": // until the kernel refuses
		fork()
	case "environment":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "addresses":
		addresses()
	case "fetch": // each until it answers
		for _, url := range os.Args[2:] {
			fetchUntilAnswered(url)
		}
	case "serve": // on a port, until SIGTERM, then, after a while, with a code
		serve(args[1])
		time.Sleep(time.Duration(number(args[3])) * time.Millisecond)
		fmt.Println("terminated")
		os.Exit(number(args[2]))
	default:
		fail(fmt.Errorf("it cannot %q", args[0]))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "probe:", err)
	os.Exit(64)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if text != "" && err != nil {
		fail(err)
	}
	return n
}

// printLines prints numbered lines, each with that many bytes more.
func printLines(lines, length int) {
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	more := strings.Repeat("x", length)
	for n := 1; n <= lines; n++ {
		fmt.Fprintln(out, strings.TrimSuffix(fmt.Sprintf("line %d %s", n, more), " "))
	}
	out.Flush()
}

func untilTerminated(code int) {
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	fmt.Println("running")
	<-terminated
	fmt.Println("terminated")
	os.Exit(code)
}

// hog touches more and more memory.
func hog(mib int) {
	var held [][]byte
	for range mib {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		held = append(held, block)
	}
	fmt.Println("holds", len(held), "MiB")
	untilTerminated(0)
}

// fill writes a file until there is no room for it, says why, removes it and goes on until SIGTERM.
func fill(path string) {
	f, err := os.Create(path)
	if err != nil {
		fail(err)
	}
	for block := make([]byte, 1<<20); err == nil; {
		_, err = f.Write(block)
	}
	fmt.Println("full:", err)
	f.Close()
	os.Remove(path)
	untilTerminated(0)
}

// fork starts processes that do nothing until none can be started, ends them, says why, and goes on until SIGTERM.
func fork() {
	var children []int
	for {
		child, err := syscall.ForkExec("/main", []string{"/main", "deaf"}, &syscall.ProcAttr{})
		if err == nil {
			children = append(children, child)
			continue
		}
		for _, child := range children { // this process, too, may need room for a thread
			syscall.Kill(child, syscall.SIGKILL)
			syscall.Wait4(child, nil, 0, nil)
		}
		fmt.Println("bounded:", err)
		untilTerminated(0)
	}
}

func addresses() {
	all, err := net.InterfaceAddrs()
	if err != nil {
		fail(err)
	}
	for _, a := range all {
		fmt.Println(a)
	}
}

// fetch is the body of a page.
func fetch(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

func fetchUntilAnswered(url string) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		body, err := fetch(context.Background(), url)
		if err == nil {
			fmt.Println("fetched", body)
			return
		}
		if time.Now().After(end) {
			fail(err)
		}
	}
}
