package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/wire/client"
)

// process is this program in one of its other roles.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	said  []string // the words of its first line
}

// begin starts a role and waits for its first line.
func begin(role string, args ...string) (*process, error) {
	cmd := exec.Command("/proc/self/exe", append([]string{role}, args...)...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, stdin: stdin}
	line, err := firstLine(stdout)
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("the %s says nothing: %w", role, err)
	}
	p.said = strings.Fields(line)
	return p, nil
}

func firstLine(r io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, one); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return string(line), nil
		}
		line = append(line, one[0])
	}
}

// end lets it end by itself.
func (p *process) end() error {
	p.stdin.Close()
	return p.cmd.Wait()
}

// kill ends it by SIGKILL.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
	p.stdin.Close()
}

// resident is how much memory a process has now, in MiB.
func resident(pid int) float64 { return memory(pid, "VmRSS:") }

// peak is the most that it ever had.
func peak(pid int) float64 { return memory(pid, "VmHWM:") }

func memory(pid int, which string) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), which)
	kib, _ := strconv.ParseFloat(strings.Fields(after + " 0")[0], 64)
	return kib / 1024
}

// processor is the processor time that a process has had.
func processor(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * (time.Second / 100) // the kernel's USER_HZ is 100 everywhere
}

// plane is a control plane that runs, on a data directory of its own.
type plane struct {
	*process
	dir      string
	endpoint string
	client   *client.Client
}

func startPlane(dir, address string) (*plane, error) {
	p, err := begin(planeRole, dir, address)
	if err != nil {
		return nil, err
	}
	keys, err := iam.ReadKeys(filepath.Join(dir, "keys"))
	if err != nil {
		p.kill()
		return nil, err
	}
	made := &plane{process: p, dir: dir, endpoint: p.said[0]}
	dev := keys.Dev()
	made.client = client.New(made.endpoint, client.Static(dev.ID, dev.Secret, ""), region)
	made.client.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}
	return made, nil
}

// profile writes one of the control plane's profiles into a file.
func (p *plane) profile(ctx context.Context, what, file string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.said[1]+"/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, answer.Body)
	return err
}

// heap is how much of the control plane's memory is live data, in MiB, after a collection.
func (p *plane) heap(ctx context.Context) (float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.said[1]+"/debug/pprof/heap?debug=1&gc=1", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), "# HeapAlloc = ")
	bytes, err := strconv.ParseFloat(strings.Fields(after + " x")[0], 64)
	return bytes / (1 << 20), err
}
