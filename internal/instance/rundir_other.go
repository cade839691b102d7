//go:build !linux

package instance

import "os"

// MakeRunDir makes the run directory, in which nothing is where Docker runs the containers.
func (in *Instance) MakeRunDir() error { return nil }

// RemoveRunDir removes the run directory and what is in it.
func (in *Instance) RemoveRunDir() error { return os.RemoveAll(in.RunDir()) }
