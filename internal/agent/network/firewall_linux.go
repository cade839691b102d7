package network

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/coreos/go-iptables/iptables"
	"github.com/google/nftables"
)

// firewall keeps the way open between tasks and the Internet where something else drops what the host forwards. Docker
// and ufw do so in iptables' FORWARD chain: there, rules that accept what comes from our links and the answers to it are
// put in front, and put back when a reload has flushed them. A base chain of nftables that drops cannot be overruled by
// another table: that is said in the log.
type firewall struct {
	instance string
	log      *slog.Logger
	told     map[string]bool    // what the log has said already
	programs map[string]backend // those that were found
}

func newFirewall(cfg Config) *firewall {
	return &firewall{instance: cfg.Instance, log: cfg.Log, told: map[string]bool{}, programs: map[string]backend{}}
}

// forwardRules are the rules for the FORWARD chain.
func (f *firewall) forwardRules() [][]string {
	links := linkPrefix(f.instance) + "+"
	comment := []string{"-m", "comment", "--comment", hostTable(f.instance), "-j", "ACCEPT"}
	return [][]string{
		append([]string{"-i", links}, comment...),
		append([]string{"-o", links, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED,DNAT"}, comment...), // published ports among them
	}
}

// open makes sure that tasks can be forwarded, as far as that is in our power.
func (f *firewall) open() error {
	backends, err := f.backends()
	if err != nil {
		return err
	}
	for _, b := range backends {
		if b.tables == nil {
			f.tell("the host's FORWARD chain cannot be looked at: install iptables, or tasks may not reach the Internet",
				"variant", b.name)
			continue
		}
		if err := f.openChain(b); err != nil {
			return err
		}
	}
	return f.warnOfDrops()
}

// openChain puts the rules into one FORWARD chain, unless that accepts everything anyway.
func (f *firewall) openChain(b backend) error {
	chain, err := b.tables.List("filter", "FORWARD")
	if err != nil {
		return fmt.Errorf("list FORWARD by %s: %w", b.name, err)
	}
	ours := func(rule string) bool { return strings.Contains(rule, hostTable(f.instance)) }
	others := slices.DeleteFunc(slices.Clone(chain), ours)
	if slices.Equal(others, []string{"-P FORWARD ACCEPT"}) || len(chain)-len(others) == len(f.forwardRules()) {
		return nil
	}
	for _, rule := range f.forwardRules() {
		if err := b.tables.InsertUnique("filter", "FORWARD", 1, rule...); err != nil {
			return fmt.Errorf("insert into FORWARD by %s: %w", b.name, err)
		}
	}
	f.log.Info("the host's FORWARD chain now accepts what tasks send and the answers to it", "variant", b.name)
	return nil
}

// close removes the rules.
func (f *firewall) close() error {
	backends, err := f.backends()
	errs := []error{err}
	for _, b := range backends {
		if b.tables == nil {
			continue // then no rule was put there
		}
		for _, rule := range f.forwardRules() {
			errs = append(errs, b.tables.DeleteIfExists("filter", "FORWARD", rule...))
		}
	}
	return errors.Join(errs...)
}

// backend is one of the two implementations of iptables, whose chains both see every packet. tables is nil when the
// kernel has its FORWARD chain and the program for it is not installed.
type backend struct {
	name   string
	tables *iptables.IPTables
}

// backends returns those whose filter table the kernel has. A program is not asked about tables that aren't there: it
// would make them.
func (f *firewall) backends() ([]backend, error) {
	var found []backend
	legacy, err := os.ReadFile("/proc/self/net/ip_tables_names")
	if err == nil && slices.Contains(strings.Fields(string(legacy)), "filter") {
		found = append(found, f.backend("iptables-legacy", worksOnLegacy))
	}
	chains, err := forwardChains()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(chains, isIPTables) {
		found = append(found, f.backend("iptables-nft", worksOnNFTables))
	}
	return found, nil
}

// backend looks for the program by its own name and then for an iptables of that kind.
func (f *firewall) backend(program string, kind func(version string) bool) backend {
	if b, ok := f.programs[program]; ok {
		return b
	}
	for _, name := range []string{program, "iptables"} {
		version, err := exec.Command(name, "--version").Output()
		if err != nil || !kind(string(version)) {
			continue
		}
		if tables, err := iptables.New(iptables.Path(name), iptables.Timeout(lockSeconds)); err == nil {
			f.programs[program] = backend{name: name, tables: tables}
			return f.programs[program]
		}
	}
	return backend{name: program}
}

// lockSeconds is how long iptables waits for others that change its tables.
const lockSeconds = 5

func worksOnNFTables(version string) bool { return strings.Contains(version, "nf_tables") }

// worksOnLegacy: before 1.8 there was nothing else, and the version says nothing of it.
func worksOnLegacy(version string) bool { return !worksOnNFTables(version) }

// forwardChains returns the base chains of the forward hook in which IPv4 packets are judged.
func forwardChains() ([]*nftables.Chain, error) {
	nft, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	chains, err := nft.ListChains()
	if err != nil {
		return nil, fmt.Errorf("list nftables chains: %w", err)
	}
	return slices.DeleteFunc(chains, func(c *nftables.Chain) bool {
		ip := c.Table.Family == nftables.TableFamilyIPv4 || c.Table.Family == nftables.TableFamilyINet
		return !ip || c.Hooknum == nil || *c.Hooknum != *nftables.ChainHookForward
	}), nil
}

func isIPTables(c *nftables.Chain) bool {
	return c.Table.Family == nftables.TableFamilyIPv4 && c.Table.Name == "filter" && c.Name == "FORWARD"
}

// warnOfDrops says which nftables chains drop what tasks send.
func (f *firewall) warnOfDrops() error {
	chains, err := forwardChains()
	if err != nil {
		return err
	}
	for _, c := range chains {
		drops := c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop
		if isIPTables(c) || !drops && c.Table.Name != "firewalld" {
			continue
		}
		f.tell("a firewall on this host may drop what tasks send to the Internet and nobody but its owner can allow it: let it forward from and to our links",
			"table", c.Table.Name, "chain", c.Name, "links", linkPrefix(f.instance)+"*")
	}
	return nil
}

// tell logs a warning once.
func (f *firewall) tell(message string, args ...any) {
	key := fmt.Sprint(message, args)
	if !f.told[key] {
		f.told[key] = true
		f.log.Warn(message, args...)
	}
}
