package main

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
)

// imageOptions are the flags of `berth dev` that say where images come from and when they go.
type imageOptions struct {
	docker     string // dockerAuto, dockerNone or the path of a socket
	hub        []string
	registries string
	pull       pullFlag

	noCleanup            bool
	interval, minimumAge time.Duration
	perCycle, high, low  int
}

const (
	dockerAuto = "auto"
	dockerNone = "none"
)

// agentVariables are what the ECS agent is told the same by.
var agentVariables = map[string]string{
	"image-pull-behavior":         "ECS_IMAGE_PULL_BEHAVIOR",
	"disable-image-cleanup":       "ECS_DISABLE_IMAGE_CLEANUP",
	"image-cleanup-interval":      "ECS_IMAGE_CLEANUP_INTERVAL",
	"image-minimum-cleanup-age":   "ECS_IMAGE_MINIMUM_CLEANUP_AGE",
	"num-images-delete-per-cycle": "ECS_NUM_IMAGES_DELETE_PER_CYCLE",
}

func (o *imageOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.docker, "docker", dockerAuto, "Docker whose images and registry logins are used: auto finds it as the docker command does, none, or the path of a `SOCKET`")
	f.StringSliceVar(&o.hub, "docker-hub", nil, "`NAMES` without a registry that are Docker Hub's, beside well-known ones: my-app, my-team/ or all")
	f.StringVar(&o.registries, "registry-config", "/etc/berth/certs.d", "`DIRECTORY` of hosts.toml files, as containerd has them: mirrors, authorities, registries without TLS")
	f.Var(&o.pull, "image-pull-behavior", "`WHEN` tasks have images pulled: prefer-cached (when they are not here), once (unless a pull brought them), default (always; what is here will do when that fails) or always")
	f.BoolVar(&o.noCleanup, "disable-image-cleanup", false, "never remove images")
	f.DurationVar(&o.interval, "image-cleanup-interval", 30*time.Minute, "`TIME` between two looks at the disk, for images to remove")
	f.DurationVar(&o.minimumAge, "image-minimum-cleanup-age", time.Hour, "`TIME` that no task has used an image before it may be removed")
	f.IntVar(&o.perCycle, "num-images-delete-per-cycle", 5, "`NUMBER` of images that one look may remove")
	f.IntVar(&o.high, "image-cleanup-high", 85, "`PERCENT` of the data directory's disk in use above which a look removes images")
	f.IntVar(&o.low, "image-cleanup-low", 80, "`PERCENT` in use at which it stops")
}

// complete takes from the environment what no flag says, and checks all.
func (o *imageOptions) complete(f *pflag.FlagSet) error {
	for flag, variable := range agentVariables {
		value := os.Getenv(variable)
		if value == "" || f.Changed(flag) {
			continue
		}
		if err := f.Set(flag, value); err != nil {
			return usagef("%s=%s: %v", variable, value, errors.Unwrap(err))
		}
	}
	switch {
	case o.docker != dockerAuto && o.docker != dockerNone && !filepath.IsAbs(o.docker):
		return usagef("--docker %q: it is auto, none or the path of a socket, such as /var/run/docker.sock", o.docker)
	case o.interval < time.Minute || o.minimumAge < time.Minute:
		return usagef("--image-cleanup-interval and --image-minimum-cleanup-age are a minute at least")
	case o.perCycle < 1:
		return usagef("--num-images-delete-per-cycle is 1 at least; --disable-image-cleanup keeps all")
	case o.low < 1 || o.high > 99 || o.low > o.high:
		return usagef("--image-cleanup-low %d and --image-cleanup-high %d: they are percentages, low no more than high", o.low, o.high)
	}
	return nil
}

// socket is the path of the Docker daemon's socket, empty when it is to be found.
func (o *imageOptions) socket() string {
	if o.docker == dockerAuto {
		return ""
	}
	return o.docker
}
