package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// copy copies stdin to stdout and says how much it was on stderr.
func copyInput([]string) {
	n, err := io.Copy(os.Stdout, os.Stdin)
	check(err)
	fmt.Fprintln(os.Stderr, n)
}

// others prints how many processes there are beside process 1 and this one.
func others([]string) {
	n, _ := processes()
	fmt.Println(n)
}

// terminal prints the terminal's size, again at each change, until SIGTERM or a line is typed, which it prints.
func terminal([]string) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	size := func() {
		s, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
		check(err)
		fmt.Printf("%dx%d\n", s.Col, s.Row)
	}
	size()
	typed := make(chan string)
	go func() {
		var word string
		fmt.Scanln(&word)
		typed <- word
	}()
	for {
		select {
		case <-changed:
			size()
		case word := <-typed:
			fmt.Println("typed", word)
			return
		}
	}
}

// listen ADDRESS says where it listens and echoes what comes.
func listen(args []string) {
	l, err := net.Listen("tcp", args[0])
	check(err)
	fmt.Println(l.Addr())
	for {
		conn, err := l.Accept()
		check(err)
		go io.Copy(conn, conn)
	}
}

// burn MILLISECONDS takes so much of a processor's time.
func burn(args []string) {
	var used unix.Timespec
	for used.Nano() < int64(number(args[0]))*int64(time.Millisecond) {
		check(unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &used))
	}
}
