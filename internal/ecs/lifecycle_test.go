package ecs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// docs/task-lifecycle.md shows the same moves as the code, in the same order.
func TestTheDocumentedMovesAreTheMoves(t *testing.T) {
	text, err := os.ReadFile("../../docs/task-lifecycle.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []Move
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || strings.Contains(line, "---") || strings.Contains(line, "| From |") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		status := func(s string) Status {
			if s == "(none)" {
				return NoStatus
			}
			return Status(s)
		}
		documented = append(documented, Move{status(cells[0]), status(cells[1]), Actor(cells[2]), cells[3]})
	}
	if !slices.Equal(documented, Moves) {
		var want strings.Builder
		for _, m := range Moves {
			name := func(s Status) string {
				if s == NoStatus {
					return "(none)"
				}
				return string(s)
			}
			fmt.Fprintf(&want, "| %s | %s | %s | %s |\n", name(m.From), name(m.To), m.By, m.When)
		}
		t.Errorf("the page has %d moves, the code has %d. The code's:\n%s", len(documented), len(Moves), want.String())
	}
}

func TestMovesGoForwardAndEveryStatusHasAWayOut(t *testing.T) {
	leaves := map[Status]bool{}
	seen := map[string]bool{}
	for _, m := range Moves {
		if m.To != NoStatus && !m.From.Before(m.To) {
			t.Errorf("%s to %s goes back", m.From, m.To)
		}
		key := fmt.Sprint(m.From, m.To, m.By)
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key], leaves[m.From] = true, true
	}
	for s := range rank {
		if !leaves[s] {
			t.Errorf("nothing leads out of %q", s)
		}
		if s.Live() && s != NoStatus && !May(ByReconciler, s, Stopped) {
			t.Errorf("a task that is %s cannot be closed", s)
		}
	}
}
