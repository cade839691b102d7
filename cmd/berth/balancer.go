package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/elbv2"
)

func balancerCommand(flags *globals) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "lb",
		Short: "List load balancers with their URLs, and look at one's targets",
		Long: "Load balancers are found on this machine by their names: HTTP and HTTPS listeners share its ports by them, the others have\n" +
			"ports of their own. A port that is taken is the next free one, which the URL tells.",
		Example: "  berth lb ls\n  berth lb show web",
	})
	cmd.AddCommand(balancerListCommand(flags), balancerShowCommand(flags))
	return cmd
}

func balancerListCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List load balancers with their URLs",
		Example: "  berth lb ls\n  berth lb ls --output json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			views, err := t.balancers(cmd.Context(), "")
			if err != nil {
				return err
			}
			return flags.show(cmd.OutOrStdout(), views, balancerTable(views))
		},
	}
}

func balancerTable(views []balancerView) table {
	list := table{header: []string{"NAME", "TYPE", "STATE", "HEALTHY", "URL"}}
	for _, v := range views {
		var urls []string
		for _, l := range v.Listeners {
			urls = append(urls, cmp.Or(l.URL, fmt.Sprintf("%s:%d %s", l.Protocol, l.Port, l.Problem)))
		}
		list.rows = append(list.rows, []string{v.Name, v.Type, v.State, v.healthText(), cmp.Or(strings.Join(urls, " "), "-")})
	}
	return list
}

// healthText is how many targets are healthy of how many.
func (v balancerView) healthText() string {
	healthy := 0
	for _, t := range v.Targets {
		if t.State == string(elbv2.TargetHealthStateEnumHealthy) {
			healthy++
		}
	}
	return fmt.Sprintf("%d/%d", healthy, len(v.Targets))
}

func balancerShowCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a load balancer's listeners with their rules, and its targets with their health",
		Example: "  berth lb show web\n  berth lb show web --output json",
		Args:    exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			views, err := t.balancers(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if flags.output == "json" {
				return writeJSON(cmd.OutOrStdout(), views[0])
			}
			return flags.showBalancer(cmd, views[0])
		},
	}
}

// showBalancer prints a load balancer for people.
func (g *globals) showBalancer(cmd *cobra.Command, v balancerView) error {
	out := cmd.OutOrStdout()
	state := v.State
	if v.Reason != "" {
		state += ": " + v.Reason
	}
	fmt.Fprintf(out, "%s (%s), %s\n%s\n\n", v.Name, v.Type, state, v.DNSName)
	listeners := table{header: []string{"LISTENER", "URL", "DEFAULT"}}
	for _, l := range v.Listeners {
		listeners.rows = append(listeners.rows, []string{fmt.Sprintf("%s:%d", l.Protocol, l.Port), cmp.Or(l.URL, l.Problem, "-"), l.Does})
	}
	if err := g.show(out, nil, listeners); err != nil {
		return err
	}
	if rules := ruleTable(v.Listeners); len(rules.rows) > 0 {
		fmt.Fprintln(out)
		if err := g.show(out, nil, rules); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	targets := table{header: []string{"GROUP", "TARGET", "ZONE", "STATE", "WHY"}}
	for _, t := range v.Targets {
		targets.rows = append(targets.rows, []string{t.Group, fmt.Sprintf("%s:%d", t.Target, t.Port), cmp.Or(t.Zone, "-"), t.State, cmp.Or(t.Description, t.Reason, "-")})
	}
	return g.show(out, nil, targets)
}
