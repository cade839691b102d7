//go:build !linux

package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/berth-dev/berth/internal/instance"
)

// openNative refuses: the native engine is made of what Linux alone has.
func (m *machine) openNative(context.Context) error {
	return errors.New("--engine native needs Linux; --engine docker has a Docker daemon run containers")
}

// cleanKernel has nothing to do where nothing can be made.
func cleanKernel(context.Context, *instance.Instance, *slog.Logger) error { return nil }
