// Command counter is a container's program for tests: it writes numbered lines, so that a lost or doubled one shows, and
// ends as it is told: counter [LINES [MILLISECONDS [EXIT [stubborn]]]]. LINES 0 counts for ever; SIGTERM ends it with 0,
// unless it is stubborn.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	lines, every, exit := argument(1, 0), time.Duration(argument(2, 10))*time.Millisecond, argument(3, 0)
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	tick := time.NewTicker(every)
	for n := 1; lines == 0 || n <= lines; n++ {
		fmt.Printf("line %d\n", n)
		select {
		case <-tick.C:
		case <-terminated:
			if len(os.Args) > 4 {
				continue
			}
			fmt.Println("terminated")
			return
		}
	}
	os.Exit(exit)
}

func argument(i, otherwise int) int {
	if len(os.Args) <= i {
		return otherwise
	}
	n, err := strconv.Atoi(os.Args[i])
	if err != nil {
		fmt.Fprintln(os.Stderr, "counter:", err)
		os.Exit(2)
	}
	return n
}
