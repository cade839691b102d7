package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestEveryVerbIsExplained walks the whole command line: help that says what, an example that can be typed, and flags
// that say what they take.
func TestEveryVerbIsExplained(t *testing.T) {
	verbs := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		verbs++
		path := cmd.CommandPath()
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: its one line %q is empty or ends with a full stop", path, cmd.Short)
		}
		if !strings.Contains(cmd.Example, path) && !strings.Contains(cmd.Example, "berth ") {
			t.Errorf("%s has no example", path)
		}
		for line := range strings.Lines(cmd.Example) {
			if !strings.HasPrefix(line, "  ") || len(line) > 100 {
				t.Errorf("%s: the example %q is not indented by two, or is long", path, line)
			}
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			name, usage := pflag.UnquoteUsage(f)
			if usage == "" || name == "string" {
				t.Errorf("%s --%s does not say what it takes: %q", path, f.Name, f.Usage)
			}
		})
		for _, sub := range cmd.Commands() {
			if !sub.Hidden {
				walk(sub)
			}
		}
	}
	walk(command(new(globals)))
	if verbs < 17 {
		t.Errorf("walked %d verbs", verbs)
	}
}

// TestExamplesParse feeds each example's line of this program to the parser.
func TestExamplesParse(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			line, _, _ = strings.Cut(line, "  #")
			for _, part := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("|&()>", r) }) {
				words := strings.Fields(strings.NewReplacer(`"`, "", "$", "").Replace(part))
				if len(words) == 0 || words[0] != "berth" {
					continue
				}
				root := command(new(globals))
				verb, rest, err := root.Find(words[1:])
				if err != nil || verb == root {
					t.Errorf("example %q names no verb", part)
					continue
				}
				if err := verb.ParseFlags(rest); err != nil {
					t.Errorf("example %q: %v", part, err)
				}
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(command(new(globals)))
}

func TestQuotedWordsSurviveAShell(t *testing.T) {
	for _, word := range []string{"plain", "with space", "it's", `$HOME "x" \ ` + "`id`", "a\nb", "", "[::1]*?", "-n", "é"} {
		out, err := exec.Command("sh", "-c", "printf %s "+shellQuote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q came back as %q (%v)", word, out, err)
		}
	}
}
