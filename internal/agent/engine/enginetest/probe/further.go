package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

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
