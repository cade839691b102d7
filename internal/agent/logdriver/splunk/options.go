package splunk

import (
	"compress/gzip"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// options are a container's splunk options.
type options struct {
	url, path, token          string
	source, sourceType, index string
	format                    string // inline, json or raw
	verify, gzip, acknowledge bool
	gzipLevel                 int
	tls                       *tls.Config
}

const defaultPath = "/services/collector/event/1.0"

func optionsOf(s logdriver.Source) (o options, err error) {
	if err := logdriver.CheckTagged("splunk", s.Options, "splunk-url", "splunk-url-path", "splunk-token", "splunk-source", "splunk-sourcetype", "splunk-index",
		"splunk-capath", "splunk-caname", "splunk-insecureskipverify", "splunk-format", "splunk-verify-connection", "splunk-gzip",
		"splunk-gzip-level", "splunk-index-acknowledgment"); err != nil {
		return o, err
	}
	if o.url, err = collector(s.Options["splunk-url"]); err != nil {
		return o, err
	}
	o.token, o.source, o.sourceType, o.index = s.Options["splunk-token"], s.Options["splunk-source"], s.Options["splunk-sourcetype"], s.Options["splunk-index"]
	if o.token == "" {
		return o, errors.New("splunk: splunk-token is expected")
	}
	if o.path = s.Options["splunk-url-path"]; o.path == "" {
		o.path = defaultPath
	} else if o.path[0] != '/' {
		return o, errors.New("splunk: expected splunk-url-path to begin with /")
	}
	switch o.format = s.Options["splunk-format"]; o.format {
	case "":
		o.format = "inline"
	case "inline", "json", "raw":
	default:
		return o, fmt.Errorf("splunk: unknown format specified %s, supported formats are inline, json and raw", o.format)
	}
	if text := s.Options["splunk-verify-connection"]; text == "" {
		o.verify = true
	} else if o.verify, err = strconv.ParseBool(text); err != nil {
		return o, err
	}
	if o.gzip, err = logdriver.Bool(s.Options, "splunk-gzip"); err != nil {
		return o, err
	}
	if o.acknowledge, err = logdriver.Bool(s.Options, "splunk-index-acknowledgment"); err != nil {
		return o, err
	}
	o.gzipLevel = gzip.DefaultCompression
	if text := s.Options["splunk-gzip-level"]; text != "" {
		if o.gzipLevel, err = strconv.Atoi(text); err != nil || o.gzipLevel < gzip.DefaultCompression || o.gzipLevel > gzip.BestCompression {
			return o, fmt.Errorf("splunk: not supported level '%s' for splunk-gzip-level (supported values between %d and %d)",
				text, gzip.DefaultCompression, gzip.BestCompression)
		}
	}
	skip, err := logdriver.Bool(s.Options, "splunk-insecureskipverify")
	if err != nil {
		return o, err
	}
	if o.tls, err = logdriver.TLSConfig(s.Options["splunk-capath"], "", "", skip); err != nil {
		return o, fmt.Errorf("splunk: %w", err)
	}
	o.tls.ServerName = s.Options["splunk-caname"]
	return o, nil
}

// collector checks an address: a scheme, a host, and nothing else.
func collector(text string) (string, error) {
	if text == "" {
		return "", errors.New("splunk: splunk-url is expected")
	}
	at, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("splunk: failed to parse splunk-url as url: %w", err)
	}
	if at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || at.Path != "" && at.Path != "/" || at.RawQuery != "" || at.Fragment != "" {
		return "", errors.New("splunk: expected format scheme://dns_name_or_ip:port for splunk-url")
	}
	return at.Scheme + "://" + at.Host, nil
}

// client is an HTTP client of the container's own, with its own trust.
func (o options) client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.tls
	return &http.Client{Transport: transport}
}
