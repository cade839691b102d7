package main

import (
	"strings"
	"testing"
)

func TestTheEndOfTheInputIsTypedAtTheBeginningOfALine(t *testing.T) {
	for in, want := range map[string]string{
		"":         "\x04",
		"ls\n":     "ls\n\x04",
		"ls":       "ls\x04\x04", // the first hands on what was typed
		"ls\nexit": "ls\nexit\x04\x04",
	} {
		var typed strings.Builder
		if typeInto(&typed, strings.NewReader(in)); typed.String() != want {
			t.Errorf("of %q it types %q, want %q", in, typed.String(), want)
		}
	}
}
