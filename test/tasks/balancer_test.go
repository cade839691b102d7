package tasks

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/engine/docker/dockertest"
	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/test/berthtest"
)

// balancer is a load balancer that the aws command made, and its target group.
type balancer struct{ arn, name, group, listener string }

// balance makes an application load balancer with a listener at a port, and a target group of a type that it forwards to.
func (w *world) balance(name, targets, port string) (b balancer) {
	w.t.Helper()
	var vpcs struct{ Vpcs []struct{ VpcID string } }
	w.AWS(&vpcs, "ec2", "describe-vpcs")
	var groups struct {
		TargetGroups []struct{ TargetGroupARN string }
	}
	w.AWS(&groups, "elbv2", "create-target-group", "--name", name, "--protocol", "HTTP", "--port", "8080", "--vpc-id", vpcs.Vpcs[0].VpcID,
		"--target-type", targets, "--health-check-path", "/name", "--health-check-interval-seconds", "5", "--healthy-threshold-count", "2")
	var made struct {
		LoadBalancers []struct{ LoadBalancerARN, DNSName string }
	}
	w.AWS(&made, append([]string{"elbv2", "create-load-balancer", "--name", name, "--subnets"}, w.subnets[:2]...)...)
	b = balancer{arn: made.LoadBalancers[0].LoadBalancerARN, name: made.LoadBalancers[0].DNSName, group: groups.TargetGroups[0].TargetGroupARN}
	var listeners struct {
		Listeners []struct{ ListenerARN string }
	}
	w.AWS(&listeners, "elbv2", "create-listener", "--load-balancer-arn", b.arn, "--protocol", "HTTP", "--port", port,
		"--default-actions", "Type=forward,TargetGroupArn="+b.group)
	b.listener = listeners.Listeners[0].ListenerARN
	w.AWS(nil, "elbv2", "wait", "load-balancer-available", "--load-balancer-arns", b.arn)
	return b
}

// register registers a target and waits until it is healthy.
func (w *world) register(b balancer, target, port string) {
	w.t.Helper()
	w.AWS(nil, "elbv2", "register-targets", "--target-group-arn", b.group, "--targets", "Id="+target+",Port="+port)
	w.AWS(nil, "elbv2", "wait", "target-in-service", "--target-group-arn", b.group, "--targets", "Id="+target+",Port="+port)
}

// page is what a program of this machine gets at a URL.
func page(url string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

// answering are the names that answer at a URL, asked until all of them have.
func (w *world) answering(url string, all ...string) {
	w.t.Helper()
	var seen []string
	var failed error
	for end := time.Now().Add(20 * time.Second); !slices.Equal(seen, all); {
		text, err := page(url)
		if err != nil {
			failed = err
		} else if !slices.Contains(seen, text) {
			seen = append(seen, text)
			slices.Sort(seen)
		}
		if time.Now().After(end) {
			hosts, _ := os.ReadFile("/etc/hosts")
			w.t.Fatalf("at %s answered %q, want %q; %v; the machine knows\n%s", url, seen, all, failed, hosts)
		}
	}
}

// TestALoadBalancerInFrontOfTasks asks by its name, which the machine and the tasks find.
func TestALoadBalancerInFrontOfTasks(t *testing.T) {
	w := start(t, "--docker", "none")
	in, err := instance.Find(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	b := w.balance("web", "ip", "80")
	url := "http://" + b.name + "/"
	var tasks []types.Task
	for _, name := range []string{"one", "two"} {
		d := fargate(named(name, "8080"))
		d.Family = aws.String(name)
		task := w.one(d, "RUNNING")
		tasks = append(tasks, task)
		w.register(b, detail(task, "privateIPv4Address"), "8080")
	}
	w.answering(url+"name", "one", "two")
	if curl, err := exec.LookPath("curl"); err == nil {
		out, err := exec.Command(curl, "-sS", "--max-time", "5", url+"name").CombinedOutput()
		if text := string(out); err != nil || text != "one" && text != "two" {
			t.Errorf("curl %s: %v %s", url, err, out)
		}
	}
	for _, line := range []string{w.Run("lb", "ls"), w.Run("lb", "show", "web")} {
		if !strings.Contains(line, "http://"+b.name) || !strings.Contains(line, "healthy") && !strings.Contains(line, "2/2") {
			t.Errorf("berth lb says\n%s", line)
		}
	}

	at := w.publicIP(tasks[0]) + ":8080"
	if got := w.ask(at, "fetch", "url", url+"name"); got != "one" && got != "two" {
		t.Errorf("a task of the VPC gets %q", got)
	}
	if got := strings.Fields(w.ask(at, "lookup", "name", b.name)); len(got) != 2 || !strings.HasPrefix(got[0], "172.31.") {
		t.Errorf("to a task the name is %q", got)
	}
	bridged := onEC2(types.NetworkModeBridge, named("bridged", "8080"))
	bridged.ContainerDefinitions[0].PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(8080), HostPort: aws.Int32(0)}}
	task := w.one(bridged, "RUNNING")
	port := task.Containers[0].NetworkBindings[0].HostPort
	if got := w.ask("127.0.0.1:"+itoa(port), "fetch", "url", url+"name"); got != "one" && got != "two" {
		t.Errorf("a container of the bridge gets %q", got)
	}

	other := onEC2(types.NetworkModeBridge, named("other", "8080"))
	other.Family = aws.String("other")
	other.ContainerDefinitions[0].PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(8080), HostPort: aws.Int32(80)}}
	w.one(other, "RUNNING")
	if got := w.ask("127.0.0.1:80", "name"); got != "other" {
		t.Errorf("at a task's port of the machine there is %q", got)
	}
	url = w.published(b)
	if !strings.HasSuffix(url, ":8080/") {
		t.Errorf("beside a task that has port 80 the load balancer is at %s", url)
	}
	w.answering(url+"name", "one", "two")

	byInstance := w.balance("bridged", "instance", "80")
	w.register(byInstance, w.ec2Instance(task), itoa(port))
	w.answering(w.published(byInstance)+"name", "bridged")
	w.answering(url+"name", "one", "two") // at the same port of this machine

	w.Kill()
	w.Restart()
	w.answering(w.published(b)+"name", "one", "two")
	if got := w.ask(at, "fetch", "url", "http://"+b.name+"/name"); got != "one" && got != "two" {
		t.Errorf("after a restart a task gets %q", got)
	}

	w.AWS(nil, "elbv2", "delete-load-balancer", "--load-balancer-arn", b.arn)
	berthtest.Eventually(t, 10*time.Second, "the name is gone", func() bool {
		text, err := os.ReadFile("/etc/hosts")
		return err == nil && !strings.Contains(string(text), b.name)
	})
	if _, err := tryAsk(t.Context(), at, "lookup", "name", b.name); err == nil {
		t.Error("a task finds a load balancer that was deleted")
	}
	w.Kill()
	w.Run("clean")
	if left := berthtest.Leftovers(t, in.ID); len(left) > 0 {
		t.Errorf("after berth clean the instance has:\n%s", strings.Join(left, "\n"))
	}
	if text, err := os.ReadFile("/etc/hosts"); err != nil || strings.Contains(string(text), byInstance.name) {
		t.Errorf("after berth clean the machine knows, %v:\n%s", err, text)
	}
}

// published is the URL of a load balancer on this machine.
func (w *world) published(b balancer) (url string) {
	w.t.Helper()
	berthtest.Eventually(w.t, 20*time.Second, "it is published", func() bool {
		var all []struct {
			LoadBalancerARN string `json:"loadBalancerArn"`
			Listeners       []struct{ URL string }
		}
		if err := json.Unmarshal([]byte(w.Run("lb", "ls", "--output", "json")), &all, json.MatchCaseInsensitiveNames(true)); err != nil {
			w.t.Fatal(err)
		}
		for _, v := range all {
			if v.LoadBalancerARN == b.arn && len(v.Listeners) == 1 {
				url = v.Listeners[0].URL
			}
		}
		return url != ""
	})
	return url + "/"
}

// ec2Instance is the id of the machine that a task is on.
func (w *world) ec2Instance(task types.Task) string {
	w.t.Helper()
	var described struct {
		ContainerInstances []struct{ EC2InstanceID string }
	}
	w.AWS(&described, "ecs", "describe-container-instances", "--container-instances", aws.ToString(task.ContainerInstanceArn))
	return described.ContainerInstances[0].EC2InstanceID
}

// TestALoadBalancerOnDocker has the daemon out of reach, as in a virtual machine.
func TestALoadBalancerOnDocker(t *testing.T) {
	dockertest.Skip(t)
	daemon, err := dockertest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(daemon.End)
	w := start(t, "--engine", "docker", "--docker", daemon.Socket)
	b := w.balance("web", "ip", "80")
	url := "http://" + b.name + "/"
	d := fargate(named("one", "8080"))
	task := w.one(d, "RUNNING")
	w.register(b, detail(task, "privateIPv4Address"), "8080")
	w.answering(url+"name", "one")

	inside := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) { return daemon.Dial(address) }}}
	fetch := func() string {
		answer, err := inside.Get("http://" + detail(task, "privateIPv4Address") + ":8080/fetch?url=" + url + "name")
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return string(text)
	}
	berthtest.Eventually(t, 20*time.Second, "the task reaches the load balancer", func() bool { return fetch() == "one" })
	w.Kill()
	w.Restart()
	w.answering(url+"name", "one")
	berthtest.Eventually(t, 20*time.Second, "the task reaches it after a restart", func() bool { return fetch() == "one" })
}

func itoa(n *int32) string { return strconv.Itoa(int(aws.ToInt32(n))) }
