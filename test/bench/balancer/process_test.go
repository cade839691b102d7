package balancer

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// proxy is a load balancer that runs as a process group of its own on the first processor; its clients and its targets share
// the second.
type proxy struct {
	name  string
	addr  string
	group int
}

// result is one measurement.
type result struct {
	rate float64 // requests per second
	cost float64 // processor time per request, in microseconds
}

func has(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func requires(b *testing.B, programs ...string) {
	for _, p := range programs {
		if !has(p) {
			b.Skipf("%s is not installed", p)
		}
	}
}

// start runs a program on a processor until the benchmark ends, and waits until it listens.
func start(b *testing.B, cpu int, addr string, env []string, program string, args ...string) int {
	b.Helper()
	cmd := exec.Command("taskset", append([]string{"-c", strconv.Itoa(cpu), program}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	for by := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			return cmd.Process.Pid
		}
		if time.Now().After(by) {
			b.Fatalf("%s does not listen at %s: %s", program, addr, out.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// free is an address where nothing listens.
func free(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(b *testing.B, name, text string) string {
	path := filepath.Join(b.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	return path
}

func nginx(b *testing.B, cpu int, addr, http string) int {
	dir := b.TempDir()
	conf := write(b, "nginx.conf", fmt.Sprintf(`daemon off; worker_processes 1; pid %s/pid; error_log stderr crit;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 600; sendfile on;
client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
%s }`, dir, http))
	return start(b, cpu, addr, nil, "nginx", "-c", conf, "-p", dir)
}

// startOrigin runs the target of all proxies.
func startOrigin(b *testing.B) string {
	addr, dir := free(b), b.TempDir()
	_ = os.Chmod(dir, 0o755)
	for up := dir; strings.HasPrefix(up, os.TempDir()) && up != os.TempDir(); up = filepath.Dir(up) {
		_ = os.Chmod(up, 0o755) // the worker is another user
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, 1<<20), 0o644); err != nil {
		b.Fatal(err)
	}
	nginx(b, 1, addr, fmt.Sprintf(`server { listen %s; root %s; location /small { return 200 "%s"; }
location /close { keepalive_timeout 0; return 200 "closed"; } }`, addr, dir, strings.Repeat("x", 64)))
	return addr
}

func startNginx(b *testing.B, origin string) *proxy {
	addr := free(b)
	group := nginx(b, 0, addr, fmt.Sprintf(`upstream o { server %s; keepalive 1024; keepalive_requests 1000000000; }
server { listen %s; location / { proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Amzn-Trace-Id $request_id; } }`, origin, addr))
	return &proxy{"nginx", addr, group}
}

func startHAProxy(b *testing.B, origin string) *proxy {
	addr := free(b)
	conf := write(b, "haproxy.cfg", fmt.Sprintf(`global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 10s
  option forwardfor
  http-reuse always
  option splice-auto
frontend f
  bind %s
  default_backend o
backend o
  http-request set-header X-Forwarded-Proto http
  server o1 %s
`, addr, origin))
	return &proxy{"haproxy", addr, start(b, 0, addr, nil, "haproxy", "-db", "-f", conf)}
}

func startBerth(b *testing.B, origin string) *proxy {
	addr := free(b)
	return &proxy{"berth", addr, start(b, 0, addr, []string{serveVar + "=" + addr + " " + origin}, os.Args[0])}
}

var perSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// measure drives the load through the proxy for a while.
func (p *proxy) measure(b *testing.B, l load) result {
	before, began := p.processor(b), time.Now()
	out, err := exec.Command("taskset", "-c", "1", "wrk", "-t1", "-c", strconv.Itoa(l.connections), "-d", strconv.Itoa(max(1, int(length.Seconds()))), "http://"+p.addr+l.path).CombinedOutput()
	if err != nil {
		b.Fatalf("wrk: %v: %s", err, out)
	}
	took, used := time.Since(began), p.processor(b)-before
	if bytes.Contains(out, []byte("Non-2xx")) || bytes.Contains(out, []byte("Socket errors")) {
		b.Errorf("%s: %s", p.name, out)
	}
	rate, err := strconv.ParseFloat(string(perSecond.FindSubmatch(out)[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return result{rate, float64(used.Microseconds()) / (rate * took.Seconds())}
}

// processor is how much processor time the proxy has used.
func (p *proxy) processor(b *testing.B) time.Duration {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	ticks := 0
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+2:]))
		if fields[2] != strconv.Itoa(p.group) {
			continue
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		ticks += user + system
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
