package berthtest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// Census lists what the host of the tests (OnOwnHost) has of everything that Berth makes on a host, whoever made it, sorted:
// mounts, which network namespaces with a name are too, links, addresses, routes, rules of routing and of both firewalls,
// what forwards, and the files of /run. Equal lists mean that nothing came and nothing went.
func Census(t testing.TB) []string {
	t.Helper()
	var found []string
	add := func(kind string, lines ...string) {
		for _, line := range lines {
			found = append(found, kind+" "+line)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		add("mount", strings.Fields(line)[4])
	}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		add("link", l.Attrs().Name)
	}
	add("address", said(t, "ip", "-o", "addr", "show")...)
	add("route", said(t, "ip", "route", "show", "table", "all")...)
	add("rule", said(t, "ip", "rule", "show")...)
	add("iptables", said(t, "iptables-save")...)
	add("ip6tables", said(t, "ip6tables-save")...)
	add("nft", said(t, "nft", "list", "ruleset")...)
	forwards, err := os.ReadFile(ipForward)
	if err != nil {
		t.Fatal(err)
	}
	add("forwards", strings.TrimSpace(string(forwards)))
	hosts, err := os.ReadFile("/etc/hosts")
	if err != nil {
		t.Fatal(err)
	}
	add("hosts", strings.Split(string(hosts), "\n")...)
	files, err := filepath.Glob("/run/*/*")
	if err != nil {
		t.Fatal(err)
	}
	add("file", files...)
	slices.Sort(found)
	return found
}

// changing is what a tool says of a thing that is the same: counters, times, the order in which things were made.
var changing = regexp.MustCompile(`\[\d+:\d+\]|packets \d+ bytes \d+|\b(valid_lft|preferred_lft) \w+|^\d+: |^#.*|# handle \d+`)

// said are the lines of what a command says of the host. A machine without the command has nothing to say by it.
func said(t testing.TB, name string, args ...string) (lines []string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		return nil
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(changing.ReplaceAllString(strings.TrimSpace(line), "")); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// Difference tells what two lists do not have in common, however they are ordered.
func Difference(before, after []string) (lines []string) {
	count := map[string]int{}
	for _, line := range before {
		count[line]--
	}
	for _, line := range after {
		count[line]++
	}
	for _, line := range slices.Sorted(maps.Keys(count)) {
		switch n := count[line]; {
		case n < 0:
			lines = append(lines, "gone: "+line)
		case n > 0:
			lines = append(lines, "come: "+line)
		}
	}
	return lines
}
