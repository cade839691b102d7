package network

import (
	"fmt"
	"strings"
)

// ResolvConf is what the task's containers see as /etc/resolv.conf: the VPC's resolver and its domain, as on Fargate.
func (t TaskNet) ResolvConf() []byte {
	conf := fmt.Sprintf("nameserver %s\n", t.Resolver)
	if _, domain, ok := strings.Cut(t.DNSName, "."); ok {
		conf += fmt.Sprintf("search %s\n", domain)
	}
	return []byte(conf)
}

// Hosts is what the task's containers see as /etc/hosts.
func (t TaskNet) Hosts() []byte {
	return fmt.Appendf(nil, "127.0.0.1 localhost\n%s %s\n", t.Address, t.Hostname())
}

// Hostname is the task's host name, its private DNS name, as on Fargate.
func (t TaskNet) Hostname() string {
	if t.DNSName != "" {
		return t.DNSName
	}
	return "ip-" + strings.ReplaceAll(t.Address.String(), ".", "-")
}
