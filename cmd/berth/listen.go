package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/berth-dev/berth/internal/operator"
)

// listen takes the address, or says who may have it.
func (g *globals) listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("--listen %s is taken by %s; `%s` takes any port that is free", address, holder(address), onFreePort())
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("--listen %s: this machine does not have that address; try 127.0.0.1:4566", address)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("--listen %s: ports below 1024 are root's; take one above", address)
	case err != nil:
		return nil, fmt.Errorf("--listen %s: %w", address, err)
	}
	return l, nil
}

// holder is who has an address.
func holder(address string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if health, err := operator.AskHealth(ctx, "http://"+address); err == nil && health.Instance != "" {
		return "another Berth"
	}
	return "another program"
}

// onFreePort is this very command line, with any free port.
func onFreePort() string {
	var words []string
	for i := 0; i < len(os.Args); i++ {
		switch word := os.Args[i]; {
		case word == "--listen":
			i++
		case !strings.HasPrefix(word, "--listen="):
			words = append(words, word)
		}
	}
	return commandLine(append(words, "--listen", "127.0.0.1:0"))
}
