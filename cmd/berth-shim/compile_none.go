//go:build cgo && !seccomp

package main

import (
	"errors"
	"os"
)

func useFilter() {}

func compile(_, _ *os.File) error { return errors.New("this berth-shim is built without seccomp") }
