package session

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// exchange is a frame from the control plane and what Amazon's agent answered to it.
type exchange struct {
	down string
	up   []string
}

// recorded reads a recording of Amazon's agent: "->" lines are the control plane's frames. An answer belongs to the
// frame that it names by its message id.
func recorded(t *testing.T, name string) []exchange {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []exchange
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		direction, frame, _ := strings.Cut(lines.Text(), " ")
		if direction == "->" {
			all = append(all, exchange{down: frame})
			continue
		}
		answer := canonical(frame)
		_, id, _ := strings.Cut(answer, `"messageId":"`)
		id, _, _ = strings.Cut(id, `"`)
		for i := range all {
			if strings.Contains(canonical(all[i].down), `"messageId":"`+id+`"`) {
				all[i].up = append(all[i].up, answer)
				break
			}
		}
	}
	return all
}

// TestRecordingsAreAnsweredAsAmazonsAgentAnswers replays what a control plane sent to Amazon's agent.
func TestRecordingsAreAnsweredAsAmazonsAgentAnswers(t *testing.T) {
	for name, exchanges := range map[string]int{
		"full-life-cycle.log": 8, "external-mode.log": 5, "run-then-killed.log": 2, "restart-with-running-tasks.log": 4, "ec2-mode.log": 1} {
		t.Run(name, func(t *testing.T) {
			all := recorded(t, name)
			if len(all) != exchanges {
				t.Fatalf("%d frames are recorded, want %d", len(all), exchanges)
			}
			file := path(t)
			synctest.Test(t, func(t *testing.T) {
				r := run(t, newPlane(), file)
				defer r.end()
				c := <-r.plane.conns
				for _, e := range all {
					c.down <- []byte(e.down)
					var up []string
					for _, frame := range c.sent() {
						up = append(up, canonical(frame))
					}
					slices.Sort(up)
					slices.Sort(e.up)
					if !slices.Equal(up, e.up) {
						t.Errorf("to %.120s\nit answers %s\nand not    %s", e.down, strings.Join(up, "\n           "), strings.Join(e.up, "\n           "))
					}
				}
				if n := r.Ignored(); n != 0 {
					t.Errorf("%d frames were not understood", n)
				}
			})
		})
	}
}
