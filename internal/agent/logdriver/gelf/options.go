package gelf

import (
	"compress/flate"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// options are a container's gelf options.
type options struct {
	address     logdriver.Address
	compression string // gzip, zlib or none
	level       int
	retries     int // of a message; 0: for ever
	delay       time.Duration
}

func optionsOf(s logdriver.Source) (o options, err error) {
	if err := logdriver.CheckTagged("gelf", s.Options, "gelf-address", "gelf-compression-level", "gelf-compression-type",
		"gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"); err != nil {
		return o, err
	}
	if o.address, err = addressOf(s.Options["gelf-address"]); err != nil {
		return o, err
	}
	o.compression, o.level = "gzip", flate.BestSpeed
	if text, ok := s.Options["gelf-compression-type"]; ok {
		if o.address.Network != "udp" {
			return o, errors.New("compression is only supported on UDP")
		}
		if o.compression = text; text != "gzip" && text != "zlib" && text != "none" {
			return o, fmt.Errorf("unknown value %q for log opt %q for gelf log driver", text, "gelf-compression-type")
		}
	}
	if text, ok := s.Options["gelf-compression-level"]; ok {
		if o.address.Network != "udp" {
			return o, errors.New("compression is only supported on UDP")
		}
		o.level, err = strconv.Atoi(text)
		if err != nil || o.level < flate.DefaultCompression || o.level > flate.BestCompression {
			return o, fmt.Errorf("unknown value %q for log opt %q for gelf log driver", text, "gelf-compression-level")
		}
	}
	if o.retries, err = tcpNumber(s.Options, "gelf-tcp-max-reconnect", o.address); err != nil {
		return o, err
	}
	seconds, err := tcpNumber(s.Options, "gelf-tcp-reconnect-delay", o.address)
	o.delay = time.Duration(seconds) * time.Second
	return o, err
}

func tcpNumber(options map[string]string, name string, a logdriver.Address) (int, error) {
	text, ok := options[name]
	if !ok {
		return 0, nil
	}
	if a.Network != "tcp" {
		return 0, fmt.Errorf("%q is only valid for TCP", name)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q must be a positive integer", name)
	}
	return n, nil
}

func addressOf(text string) (a logdriver.Address, err error) {
	if text == "" {
		return a, errors.New("gelf-address is a required parameter")
	}
	at, err := url.Parse(text)
	if err != nil {
		return a, err
	}
	if at.Scheme != "udp" && at.Scheme != "tcp" {
		return a, errors.New("gelf: endpoint needs to be TCP or UDP")
	}
	if _, _, err := net.SplitHostPort(at.Host); err != nil {
		return a, errors.New("gelf: please provide gelf-address as proto://host:port")
	}
	return logdriver.Address{Network: at.Scheme, Host: at.Host}, nil
}
