// Command scale measures a control plane of its own with thousands of hollow agents, on this machine: launches each second,
// their latency, what the control plane takes of memory and processor, and how soon it is back after a SIGKILL. `make
// scale` runs it. The control plane is a process of its own; agents and load are another, on the same cores.
//
//	go run ./test/scale --instances 100,1000 --tasks 20000 --output json
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	sizes     []int
	tasks     int
	within    time.Duration
	launching int
	services  int
	telemetry bool
	output    string
	profile   string
}

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case planeRole:
			exit(servePlane(os.Args[2:]))
		case floorRole:
			exit(serveFloor(os.Args[2:]))
		}
	}
	var o options
	var sizes string
	flag.StringVar(&sizes, "instances", "100,1000,5000", "fleets to measure, by their number of container instances")
	flag.IntVar(&o.tasks, "tasks", 100_000, "tasks of the largest fleet; smaller ones get as many, but at most 200 an instance")
	flag.DurationVar(&o.within, "within", time.Minute, "time for the launches of one fleet; what is not launched by then is not")
	flag.IntVar(&o.launching, "launching", 64, "RunTask calls, of ten tasks each, that are on their way at a time")
	flag.IntVar(&o.services, "services", 1000, "services of one task each whose idling is measured, after which one of 5,000 tasks is made and rolled; 0: none")
	flag.BoolVar(&o.telemetry, "telemetry", true, "open the second socket of every agent too")
	flag.StringVar(&o.output, "output", "table", "table or json, on the standard output; progress goes to the standard error")
	flag.StringVar(&o.profile, "profile", "", "`directory` for profiles of the launches")
	flag.Parse()
	for _, text := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 5000 {
			exit(fmt.Errorf("--instances %q: numbers from 1 to 5000, with commas between", sizes))
		}
		o.sizes = append(o.sizes, n)
	}
	if o.services < 0 || o.services > 5000 {
		exit(fmt.Errorf("--services %d: a number from 0 to 5000", o.services))
	}
	if flag.NArg() > 0 || o.output != "table" && o.output != "json" {
		flag.Usage()
		os.Exit(2)
	}
	if o.profile != "" {
		if err := os.MkdirAll(o.profile, 0o755); err != nil {
			exit(fmt.Errorf("--profile: %w", err))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(measure(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
