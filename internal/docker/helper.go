package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker-credential-helpers/client"
)

// helperTime bounds a credential helper. One that asks its person something by a window is not waited for longer.
const helperTime = 10 * time.Second

// maxAnswer bounds what is read of a helper: a login.
const maxAnswer = 1 << 20

// helperName is what the settings may name: never a path.
var helperName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// helper is a docker-credential program. It runs as the person whose settings name it, never as root in their stead.
type helper struct {
	name   string
	person Person
	ctx    context.Context
	input  io.Reader
	args   []string
	err    error // why it could not be run to its end, without what it wrote
}

func (p Person) helper(ctx context.Context, name string) *helper {
	return &helper{name: "docker-credential-" + name, person: p, ctx: ctx}
}

func (h *helper) start(args ...string) client.Program {
	h.args = args
	return h
}

// Input implements client.Program.
func (h *helper) Input(in io.Reader) { h.input = in }

// Output implements client.Program.
func (h *helper) Output() ([]byte, error) {
	var out []byte
	out, h.err = h.run()
	return out, h.err
}

func (h *helper) run() ([]byte, error) {
	if !helperName.MatchString(strings.TrimPrefix(h.name, "docker-credential-")) {
		return nil, errors.New("that is no helper's name")
	}
	path, err := exec.LookPath(h.name)
	if err != nil {
		return nil, errors.New("no such program in PATH; the docker command's settings ask for it")
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(h.ctx, helperTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, h.args...)
	cmd.Stdin, cmd.Env, cmd.Dir = h.input, h.person.environment(), "/"
	cmd.WaitDelay = time.Second // what it started may hold its output open
	h.person.runAs(cmd)
	var out bounded
	cmd.Stdout = &out
	err = cmd.Run()
	switch {
	case h.ctx.Err() != nil:
		return nil, h.ctx.Err()
	case ctx.Err() != nil:
		return nil, fmt.Errorf("no answer within %s", helperTime)
	case err != nil && cmd.ProcessState == nil:
		return nil, errors.New("it could not be started")
	}
	return out.Bytes(), err
}

// environment is this process's, made the person's: helpers find keyrings by it.
func (p Person) environment() []string {
	env := []string{"HOME=" + p.Home, "USER=" + p.Name, "LOGNAME=" + p.Name}
	own := []string{"HOME", "USER", "LOGNAME", "MAIL", "SUDO_COMMAND", "SUDO_USER", "SUDO_UID", "SUDO_GID"}
	if p.UID != uint32(os.Getuid()) {
		own = append(own, "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
		dir := p.runtimeDir()
		env = append(env, "XDG_RUNTIME_DIR="+dir, "DBUS_SESSION_BUS_ADDRESS=unix:path="+dir+"/bus")
	}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains(own, name) {
			env = append(env, variable)
		}
	}
	return env
}

// bounded keeps the beginning of what is written to it.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxAnswer {
		return 0, errors.New("too long an answer")
	}
	return b.Buffer.Write(p)
}
