package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/berth-dev/berth/internal/agent/task"
)

// efsFlag is --efs, a pflag.Value that may be given often, or hold several separated by commas.
type efsFlag struct {
	systems map[string]task.FileSystem
	given   []string
}

// fileSystemID is what EFS calls file systems; people may invent shorter ones.
var fileSystemID = regexp.MustCompile(`^fs-[0-9a-zA-Z-]{1,64}$`)

// Set takes ID=DIRECTORY or ID=nfs://HOST/EXPORT.
func (e *efsFlag) Set(s string) error {
	for given := range strings.SplitSeq(s, ",") {
		id, at, _ := strings.Cut(given, "=")
		if !fileSystemID.MatchString(id) {
			return fmt.Errorf("%q does not begin with the id of a file system, such as fs-0123=", given)
		}
		system, err := task.ParseFileSystem(at)
		if err != nil {
			return err
		}
		if _, twice := e.systems[id]; twice {
			return fmt.Errorf("%s is given twice", id)
		}
		if e.systems == nil {
			e.systems = map[string]task.FileSystem{}
		}
		e.systems[id], e.given = system, append(e.given, given)
	}
	return nil
}

// String is what Set takes.
func (e *efsFlag) String() string { return strings.Join(e.given, ",") }

// Type is what help calls a value.
func (*efsFlag) Type() string { return "string" }
