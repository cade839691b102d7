package syslog

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/agent/logdriver/logdrivertest"
)

func afterColon(text string) string {
	_, line, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "]: ")
	return line
}

func TestFormats(t *testing.T) {
	host, _ := os.Hostname()
	host = regexp.QuoteMeta(host)
	for _, c := range []struct{ format, facility, want string }{
		{"", "", `^<30>May  4 03:02:01 x-0123456789ab\[\d+\]: one$`},
		{"rfc3164", "local7", `^<190>May  4 03:02:01 ` + host + ` x-0123456789ab\[\d+\]: one$`},
		{"rfc5424", "3", `^<30>1 2026-05-04T03:02:01Z ` + host + ` x-0123456789ab \d+ x-0123456789ab - one$`},
		{"rfc5424micro", "kern", `^<6>1 2026-05-04T03:02:01.123456Z ` + host + ` x-0123456789ab \d+ x-0123456789ab - one$`},
	} {
		for _, network := range []string{"tcp", "udp"} {
			server := logdrivertest.Delimited(t, '\n', afterColon)
			if network == "udp" {
				server = logdrivertest.Datagrams(t, func(d []byte) (string, bool) { return strings.TrimSuffix(string(d), "\n"), true }, afterColon)
			}
			server.Up()
			options := map[string]string{"syslog-address": network + "://" + server.Address, "tag": "x-{{.ID}}", "syslog-format": c.format, "syslog-facility": c.facility}
			logdrivertest.Send(t, Driver{}, logdrivertest.Source("syslog", options), logdrivertest.Batch("one", "!two"))
			server.Until("both are there", func() bool { return len(server.Messages()) == 2 })
			if got := server.Messages()[0].Whole.(string); !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("%s over %s: %q", c.format, network, got)
			}
			if got := server.Messages()[1].Whole.(string); c.facility == "" && !strings.HasPrefix(got, "<27>") {
				t.Errorf("what came from stderr is no error: %q", got)
			}
		}
	}
}

func TestASocketOfTheMachine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30)) // longer than a socket's address may be
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	l, err := net.ListenPacket("unixgram", "log")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	options := map[string]string{"syslog-address": "unixgram://" + filepath.Join(dir, "log")}
	logdrivertest.Send(t, Driver{}, logdrivertest.Source("syslog", options), logdrivertest.Batch("one"))
	buf := make([]byte, 1024)
	n, _, err := l.ReadFrom(buf)
	if err != nil || !strings.HasSuffix(string(buf[:n]), "]: one\n") {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func TestTLS(t *testing.T) {
	site := httptest.NewTLSServer(nil) // for its certificate
	defer site.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: site.TLS.Certificates, RootCAs: x509.NewCertPool()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(conn)
			conn.Close()
			got <- string(text)
		}
	}()
	address := "tcp+tls://" + l.Addr().String()
	options := map[string]string{"syslog-address": address, "syslog-tls-ca-cert": authority, "syslog-format": "rfc5424", "tag": "x"}
	logdrivertest.Send(t, Driver{}, logdrivertest.Source("syslog", options), logdrivertest.Batch("one", "two"))
	<-got // Prepare's
	text2 := <-got
	for _, line := range []string{"one", "two"} { // each with its length before it
		var n int
		if _, err := fmt.Sscanf(text2, "%d ", &n); err != nil {
			t.Fatalf("%q: %v", text2, err)
		}
		_, rest, _ := strings.Cut(text2, " ")
		if n > len(rest) || !strings.HasSuffix(rest[:n], " x - "+line+"\n") {
			t.Fatalf("%q", text2)
		}
		text2 = rest[n:]
	}
	delete(options, "syslog-tls-ca-cert")
	if err := (Driver{}).Prepare(t.Context(), logdrivertest.Source("syslog", options)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server that nobody vouches for is trusted: %v", err)
	}
	options["syslog-tls-skip-verify"] = "true"
	if err := (Driver{}).Prepare(t.Context(), logdrivertest.Source("syslog", options)); err != nil {
		t.Error(err)
	}
}

func TestWhatIsWrongIsToldInDockersWords(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"colour", "red", "unknown log opt 'colour' for syslog log driver"},
		{"syslog-address", "h:1", "syslog-address should be in form proto://address, got h:1"},
		{"syslog-address", "unix:///nowhere/log", "stat /nowhere/log: no such file or directory"},
		{"syslog-facility", "local8", "invalid syslog facility"},
		{"syslog-facility", "24", "invalid syslog facility"},
		{"syslog-format", "json", "Invalid syslog format"},
		{"env-regex", "(", "invalid env-regex: error parsing regexp: missing closing ): `(`"},
	} {
		err := Driver{}.Prepare(t.Context(), logdrivertest.Source("syslog", map[string]string{c.name: c.value}))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s=%s: %v, want %s", c.name, c.value, err, c.want)
		}
	}
}
