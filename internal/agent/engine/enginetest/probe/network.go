package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// get URL prints what an HTTP server answers.
func get(args []string) {
	answer, err := http.Get(args[0])
	check(err)
	defer answer.Body.Close()
	_, err = io.Copy(os.Stdout, answer.Body)
	check(err)
	fmt.Println()
}

// lookup NAME prints the addresses of a name.
func lookup(args []string) {
	addresses, err := net.LookupHost(args[0])
	check(err)
	for _, a := range addresses {
		fmt.Println(a)
	}
}

// serve ADDRESS TEXT says "ready" and answers every HTTP request with a text, until SIGTERM.
func serve(args []string) {
	l, err := net.Listen("tcp", args[0])
	check(err)
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("ready")
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, args[1]) }))
	<-term
}
