//go:build cgo

// Command floor measures what starting a container costs with nothing around it: libcontainer in process, an overlay
// mounted by hand, no shim, no protocol, no log. The native engine's benchmark runs it beside the engine, in the same
// minute, with a specification that the engine made.
//
//	floor SPEC LOWER DIR COUNT    start COUNT containers one after the other and print the milliseconds of each
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	_ "github.com/opencontainers/cgroups/devices"
	"github.com/opencontainers/runc/libcontainer"
	_ "github.com/opencontainers/runc/libcontainer/nsenter"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func init() {
	if len(os.Args) > 1 && os.Args[1] == "init" {
		libcontainer.Init()
	}
	runtime.LockOSThread()
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: floor SPEC LOWER DIR COUNT")
		os.Exit(2)
	}
	count, err := strconv.Atoi(os.Args[4])
	check(err)
	text, err := os.ReadFile(os.Args[1])
	check(err)
	for i := range count {
		var spec specs.Spec
		check(json.Unmarshal(text, &spec))
		took, err := start(&spec, os.Args[2], filepath.Join(os.Args[3], strconv.Itoa(i)))
		check(err)
		fmt.Printf("%.3f\n", float64(took.Microseconds())/1000)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// start starts one container, kills it and removes it, and returns how long the start took.
func start(spec *specs.Spec, lower, dir string) (time.Duration, error) {
	upper, work, root := filepath.Join(dir, "upper"), filepath.Join(dir, "work"), filepath.Join(dir, "root")
	for _, d := range []string{upper, work, root} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return 0, err
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	begun := time.Now()
	if err := unix.Mount("overlay", root, "overlay", 0, "lowerdir="+lower+",upperdir="+upper+",workdir="+work); err != nil {
		return 0, err
	}
	defer unix.Unmount(root, unix.MNT_DETACH)
	spec.Root = &specs.Root{Path: root}
	spec.Linux.CgroupsPath += "/" + filepath.Base(dir)
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: "app", Spec: spec})
	if err != nil {
		return 0, err
	}
	container, err := libcontainer.Create(filepath.Join(dir, "libcontainer"), "app", config)
	if err != nil {
		return 0, err
	}
	process := &libcontainer.Process{
		Args: spec.Process.Args, Env: spec.Process.Env, Cwd: "/", Init: true, Stdin: null, Stdout: null, Stderr: null,
	}
	if err := container.Run(process); err != nil {
		return 0, err
	}
	took := time.Since(begun)
	if err := container.Signal(unix.SIGKILL); err != nil {
		return 0, err
	}
	process.Wait()
	return took, container.Destroy()
}
