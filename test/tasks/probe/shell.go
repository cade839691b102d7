package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// shell does what it reads, a line at a time, as a person's shell would over a terminal.
func shell() {
	lines := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for lines.Scan() {
		word, rest, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		switch word {
		case "size":
			size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ)
			if err != nil {
				fail(err)
			}
			fmt.Printf("%dx%d\n", size.Col, size.Row)
		case "whoami":
			fmt.Printf("uid=%d\n", os.Getuid())
		case "lines":
			printLines(number(rest), 0)
		case "exit":
			os.Exit(number(rest))
		default:
			fmt.Println("you said", word)
		}
	}
}
