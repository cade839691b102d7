package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

const killedInstance = "cccc0003"

// attacherVariable makes this program one that attaches until it is killed.
const attacherVariable = "BERTH_NETWORK_TEST_ATTACHER"

// attachUntilKilled attaches and detaches tasks of two VPCs from four goroutines and says so on its output.
func attachUntilKilled() int {
	n, err := New(Config{Instance: killedInstance, RunDir: filepath.Join("/run/berth", killedInstance)})
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	var workers sync.WaitGroup
	for worker := range 4 {
		workers.Go(func() {
			for i := 0; ; i++ {
				t := task(1 + worker*1000 + i%900)
				if worker%2 == 1 {
					t = inVPC(t, "vpc-1111111111111111")
				}
				if _, err := n.Attach(context.Background(), t); err != nil {
					fmt.Println("failed:", err)
					return
				}
				if _, err := n.Bridge(context.Background(), web(1+worker*1000+i%900, 0)); err != nil {
					fmt.Println("failed:", err)
					return
				}
				fmt.Println("attached")
				if i%3 == 0 {
					if err := errors.Join(n.Detach(context.Background(), t.Task), n.Unbridge(context.Background(), t.Task)); err != nil {
						fmt.Println("failed:", err)
						return
					}
				}
			}
		})
	}
	workers.Wait()
	return 1
}

func TestAKilledAgentIsTakenOverOrCleanedAway(t *testing.T) {
	needRoot(t)
	before := hostState(t)
	for round := range 6 {
		cfg := instance(t, killedInstance)
		attachAndKill(t, round)
		if round%2 == 0 { // every second time a new agent takes over first
			n, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			checkAdopted(t, n)
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := Clean(context.Background(), cfg); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(cfg.RunDir); err != nil {
			t.Errorf("something is left in the run directory: %v", err)
		}
		if after := hostState(t); after != before {
			t.Fatalf("round %d: Clean left more than there was:\n%s\nbefore:\n%s", round, after, before)
		}
	}
}

// attachAndKill kills an agent at a random moment, in the first round while it makes its first VPC.
func attachAndKill(t *testing.T, round int) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), attacherVariable+"=1")
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if round == 0 {
		berthtest.Eventually(t, 20*time.Second, "the first namespace is made", func() bool {
			entries, _ := os.ReadDir(filepath.Join("/run/berth", killedInstance, "netns"))
			return len(entries) > 0
		})
	} else {
		attached := rand.IntN(60)
		lines := bufio.NewScanner(output)
		for range attached {
			if !lines.Scan() || strings.HasPrefix(lines.Text(), "failed") {
				t.Errorf("after some of %d tasks: %s", attached, lines.Text())
				break
			}
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// checkAdopted checks that each adopted task is whole and that there is no namespace of a task that is not.
func checkAdopted(t *testing.T, n *Network) {
	t.Helper()
	known := map[string]bool{}
	for _, task := range n.List() {
		known[task.Task] = true
	}
	entries, err := os.ReadDir(n.namespaces())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if _, isContainer := n.bridged[entry.Name()]; !isContainer && !known[entry.Name()] && !strings.HasPrefix(entry.Name(), vpcPrefix) {
			t.Errorf("namespace %s belongs to no task", entry.Name())
		}
	}
	t.Logf("%d tasks and %d containers adopted", len(known), len(n.bridged))
	for key, b := range n.bridged {
		serve(t, b.Is.NetNS, key)
		getAt(t, hostNS, fmt.Sprintf("127.0.0.1:%d", b.Is.Ports[0].Host.First), key+" to")
	}
	for i, adopted := range n.List() {
		if i%10 != 0 {
			continue
		}
		a := attach(t, n, adopted)
		serve(t, a.NetNS, adopted.Task)
		wantGet(t, hostNS, a.HostAddress, adopted.Task+" to "+adopted.Gateway.String())
	}
	attach(t, n, task(4000))
}
