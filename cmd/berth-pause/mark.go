//go:build linux

package main

import (
	"bytes"
	"slices"
)

// marked says whether one of the variables, NAME=value each, begins with one of the marks.
func marked(environment []byte, marks []string) bool {
	for variable := range bytes.SplitSeq(environment, []byte{0}) {
		if slices.ContainsFunc(marks, func(mark string) bool { return bytes.HasPrefix(variable, []byte(mark)) }) {
			return true
		}
	}
	return false
}
