package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// forwardFlag is --forward, a pflag.Value that may be given often, or hold several separated by commas: where a service of AWS
// is that Berth calls and does not have itself.
type forwardFlag struct {
	to    map[string]string
	given []string
}

// forwardable are the services that Berth calls elsewhere.
var forwardable = []string{"lambda"}

// Set takes SERVICE=URL.
func (f *forwardFlag) Set(s string) error {
	for given := range strings.SplitSeq(s, ",") {
		service, at, _ := strings.Cut(given, "=")
		if !slices.Contains(forwardable, service) {
			return fmt.Errorf("%q does not begin with a service that can be elsewhere: %s=", given, strings.Join(forwardable, "=, "))
		}
		u, err := url.Parse(at)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
			return fmt.Errorf("%q is not the URL of an endpoint, such as http://127.0.0.1:9001", at)
		}
		if _, twice := f.to[service]; twice {
			return fmt.Errorf("%s is given twice", service)
		}
		if f.to == nil {
			f.to = map[string]string{}
		}
		f.to[service], f.given = at, append(f.given, given)
	}
	return nil
}

// String is what Set takes.
func (f *forwardFlag) String() string { return strings.Join(f.given, ",") }

// Type is what help calls a value.
func (*forwardFlag) Type() string { return "string" }
