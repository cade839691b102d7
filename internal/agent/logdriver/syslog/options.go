package syslog

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// options are a container's syslog options.
type options struct {
	address  logdriver.Address
	facility int
	format   string // "", rfc3164, rfc5424, rfc5424micro
}

func optionsOf(s logdriver.Source) (o options, err error) {
	if err := logdriver.CheckTagged("syslog", s.Options, "syslog-address", "syslog-facility", "syslog-tls-ca-cert", "syslog-tls-cert",
		"syslog-tls-key", "syslog-tls-skip-verify", "syslog-format"); err != nil {
		return o, err
	}
	if o.facility, err = facilityOf(s.Options["syslog-facility"]); err != nil {
		return o, err
	}
	switch o.format = s.Options["syslog-format"]; o.format {
	case "", "rfc3164", "rfc5424", "rfc5424micro":
	default:
		//lint:ignore ST1005 it is Docker's text
		return o, errors.New("Invalid syslog format")
	}
	o.address, err = addressOf(s.Options)
	return o, err
}

// facilities are their names, by number.
var facilities = strings.Fields("kern user mail daemon auth syslog lpr news uucp cron authpriv ftp")

// local0 is the number of the first facility that has no name of its own.
const local0, lastFacility = 16, 23

func facilityOf(name string) (int, error) {
	if name == "" {
		name = "daemon"
	}
	if n := slices.Index(facilities, name); n >= 0 {
		return n, nil
	}
	if digits, ok := strings.CutPrefix(name, "local"); ok {
		if n, err := strconv.Atoi(digits); err == nil && n >= 0 && local0+n <= lastFacility {
			return local0 + n, nil
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n <= lastFacility {
		return n, nil
	}
	return 0, errors.New("invalid syslog facility")
}

// sockets are where the syslog of a machine listens.
var sockets = []string{"/dev/log", "/var/run/syslog", "/var/run/log"}

// defaultPort is that of syslog.
const defaultPort = "514"

func addressOf(options map[string]string) (a logdriver.Address, err error) {
	text := options["syslog-address"]
	if text == "" {
		i := slices.IndexFunc(sockets, func(path string) bool { _, err := os.Stat(path); return err == nil })
		return logdriver.Address{Network: "unixgram", Host: sockets[max(i, 0)]}, nil
	}
	at, err := url.Parse(text)
	if err != nil {
		return a, err
	}
	switch at.Scheme {
	case "unix", "unixgram":
		if _, err := os.Stat(at.Path); err != nil {
			return a, err
		}
		return logdriver.Address{Network: at.Scheme, Host: at.Path}, nil
	case "udp", "tcp":
		a.Network = at.Scheme
	case "tcp+tls":
		a.Network = "tcp"
		skip := options["syslog-tls-skip-verify"] != ""
		if a.TLS, err = logdriver.TLSConfig(options["syslog-tls-ca-cert"], options["syslog-tls-cert"], options["syslog-tls-key"], skip); err != nil {
			return a, err
		}
	default:
		return a, fmt.Errorf("syslog-address should be in form proto://address, got %v", text)
	}
	a.Host = at.Host
	if _, _, err := net.SplitHostPort(a.Host); err != nil {
		if !strings.Contains(err.Error(), "missing port in address") {
			return a, err
		}
		a.Host = net.JoinHostPort(a.Host, defaultPort)
	}
	return a, nil
}

// datagrams says that each message travels alone.
func (o options) datagrams() bool {
	return o.address.Network == "udp" || o.address.Network == "unixgram"
}
