package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestNetworkModesStartAlike prints how long a launch takes in each network mode, in turns: those with networks of their own
// are to start within 1.3 times of host mode.
func TestNetworkModesStartAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures")
	}
	h, p := newHost(t), newPlane(t)
	h.live(p)
	p.await("connected", 0, nil)
	took := map[string][]time.Duration{}
	modes := []string{"host", "bridge", "awsvpc"}
	const rounds = 21
	for n := range rounds * len(modes) {
		mode := modes[n%len(modes)]
		arn, payload := modeTask(10+n, mode, "RUNNING")
		begin := time.Now()
		p.send("arn:instance/fargate", fmt.Sprint("run-", n), payload)
		p.change(arn, "RUNNING")
		if n >= len(modes) { // the first of each makes its bridge or router
			took[mode] = append(took[mode], time.Since(begin))
		}
		_, payload = modeTask(10+n, mode, "STOPPED")
		p.send("arn:instance/fargate", fmt.Sprint("stop-", n), payload)
		p.change(arn, "STOPPED")
	}
	median := func(mode string) time.Duration { slices.Sort(took[mode]); return took[mode][len(took[mode])/2] }
	for _, mode := range modes {
		m := median(mode)
		t.Logf("%s: median %s, fastest %s, %.2f of host mode", mode, m, took[mode][0], float64(m)/float64(median("host")))
	}
}

// modeTask is helloTask in a network mode, on a port of its own.
func modeTask(n int, mode, desired string) (arn, payload string) {
	arn, payload = helloTask(n, desired)
	port := 20000 + n
	payload = strings.ReplaceAll(payload, `"networkMode":"awsvpc"`, fmt.Sprintf(`"networkMode":%q`, mode))
	payload = strings.ReplaceAll(payload, `"cpu":0,"memory":0,`, fmt.Sprintf(`"cpu":0,"memory":0,"environment":{"PORT":"%d"},"portMappings":[{"containerPort":%[1]d,"protocol":"tcp"}],`, port))
	if mode != "awsvpc" {
		payload = payload[:strings.Index(payload, `"elasticNetworkInterfaces"`)]
		payload = strings.TrimRight(payload, ", \n\t") + "}"
	}
	return arn, payload
}
