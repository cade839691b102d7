package fluentd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// options are a container's fluentd options. fluentd-buffer-limit concerns the spool, and so the engine.
type options struct {
	address                            logdriver.Address
	async, requestAck, subSecond       bool
	maxRetries                         int // -1: for ever
	retryWait, reconnect, writeTimeout time.Duration
}

// bufferLimit is how many events may wait.
const bufferLimit = "fluentd-buffer-limit"

func optionsOf(s logdriver.Source) (o options, err error) {
	if err := logdriver.CheckTagged("fluentd", s.Options, "fluentd-address", "fluentd-async", "fluentd-async-connect",
		"fluentd-async-reconnect-interval", bufferLimit, "fluentd-max-retries", "fluentd-request-ack", "fluentd-retry-wait",
		"fluentd-sub-second-precision", "fluentd-write-timeout"); err != nil {
		return o, err
	}
	_, hasAsync := s.Options["fluentd-async"]
	if _, old := s.Options["fluentd-async-connect"]; old && hasAsync {
		return o, errors.New("conflicting options: cannot specify both 'fluentd-async' and 'fluentd-async-connect'")
	}
	for name, is := range map[string]*bool{"fluentd-async": &o.async, "fluentd-async-connect": &o.async,
		"fluentd-request-ack": &o.requestAck, "fluentd-sub-second-precision": &o.subSecond} {
		set, berr := logdriver.Bool(s.Options, name)
		*is = *is || set
		err = errors.Join(err, berr)
	}
	if err != nil {
		return o, err
	}
	if o.maxRetries, err = logdriver.Number(s.Options, "fluentd-max-retries", -1, 0, math.MaxInt32); err != nil {
		return o, err
	}
	if _, err = logdriver.Number(s.Options, bufferLimit, 0, 0, math.MaxInt32); err != nil {
		return o, err
	}
	for name, d := range map[string]*time.Duration{"fluentd-retry-wait": &o.retryWait, "fluentd-async-reconnect-interval": &o.reconnect,
		"fluentd-write-timeout": &o.writeTimeout} {
		if *d, err = logdriver.Duration(s.Options, name, 0); err != nil {
			return o, err
		}
	}
	if o.reconnect != 0 && (o.reconnect < minReconnect || o.reconnect > maxReconnect) {
		return o, fmt.Errorf("invalid value for fluentd-async-reconnect-interval: value (%s) must be between %s and %s", o.reconnect, minReconnect, maxReconnect)
	}
	if o.address, err = addressOf(s.Options["fluentd-address"]); err != nil {
		return o, fmt.Errorf("invalid fluentd-address (%s): %w", s.Options["fluentd-address"], err)
	}
	return o, nil
}

// Docker's bounds of fluentd-async-reconnect-interval.
const (
	minReconnect = 100 * time.Millisecond
	maxReconnect = 10 * time.Second
)

const (
	defaultHost = "127.0.0.1"
	defaultPort = "24224"
)

func addressOf(text string) (a logdriver.Address, err error) {
	if text == "" {
		text = defaultHost
	}
	if !strings.Contains(text, "://") {
		text = "tcp://" + text
	}
	at, err := url.Parse(text)
	if err != nil {
		return a, err
	}
	switch at.Scheme {
	case "unix":
		if strings.TrimLeft(at.Path, "/") == "" {
			return a, errors.New("path is empty")
		}
		return logdriver.Address{Network: "unix", Host: at.Path}, nil
	case "tls":
		a.TLS = &tls.Config{}
	case "tcp":
	default:
		return a, fmt.Errorf("unsupported scheme: '%s'", at.Scheme)
	}
	if at.Path != "" {
		return a, errors.New("should not contain a path element")
	}
	host, port := at.Hostname(), at.Port()
	if host == "" {
		host = defaultHost
	}
	if port == "" {
		port = defaultPort
	}
	a.Network, a.Host = "tcp", net.JoinHostPort(host, port)
	return a, nil
}
