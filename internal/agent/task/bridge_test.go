package task

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/network"
)

// inBridgeMode has web linked to side, whose ports it publishes in every way.
func inBridgeMode(task *acs.Task) {
	port := func(n int32) *int32 { return &n }
	task.NetworkMode, task.ElasticNetworkInterfaces, task.LaunchType = "bridge", nil, "EC2"
	task.Containers[0].Links = []string{"side:db"}
	task.Containers[1].PortMappings = []acs.PortMapping{
		{ContainerPort: port(5432), HostPort: port(15432), Protocol: "tcp"}, {ContainerPort: port(53), Protocol: "udp"},
		{ContainerPortRange: "7000-7009", Protocol: "tcp"}}
}

func TestATaskInBridgeModeHasANetworkForEachContainer(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		if err := a.apply(payload(inBridgeMode, func(task *acs.Task) {
			task.Containers[1].DockerConfig.Config = `{"Hostname":"database"}`
		})); err != nil {
			t.Fatal(err)
		}
		after(0)
		shared, web, _ := w.machine.Spec(idA, "web")
		_, side, _ := w.machine.Spec(idA, "side")
		if shared.NetNS != "" || shared.Listen != metadataListen || !slices.Equal(shared.ListenIn, []string{side.NetNS, web.NetNS}) || web.NetNS == side.NetNS {
			t.Errorf("the task is %+v, its containers are in %q and %q", shared, web.NetNS, side.NetNS)
		}
		if side.Config.Hostname != "database" || len(web.Config.Hostname) != 12 {
			t.Errorf("host names are %q and %q", web.Config.Hostname, side.Config.Hostname)
		}
		hosts, err := os.ReadFile(web.Hosts)
		address := sideAddress(t, w)
		for _, want := range []string{"127.0.0.1\tlocalhost\n", address + "\tdb database side\n", "\t" + web.Config.Hostname + "\n"} {
			if !strings.Contains(string(hosts), want) {
				t.Errorf("%q is missing in hosts %q, %v", want, hosts, err)
			}
		}
		if _, err := os.Stat(web.ResolvConf); err != nil {
			t.Error(err)
		}
		for _, want := range []string{"AWS_ENDPOINT_URL=http://169.254.170.2", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/cid",
			"DB_NAME=/ecs-web-3-web-aaaaaaaaaaaaaaaaaaaa/db", "DB_PORT=tcp://" + address + ":5432", "DB_PORT_53_UDP_ADDR=" + address} {
			if !slices.Contains(web.Config.Env, want) {
				t.Errorf("%s is missing in %q", want, web.Config.Env)
			}
		}
		if got, want := bindingsOf(w, "side"), []string{"0.0.0.0 15432 to 5432 tcp", "0.0.0.0 32768 to 53 udp", "0.0.0.0 32769-32778 to 7000-7009 tcp"}; !slices.Equal(got, want) {
			t.Errorf("the bindings are %q, want %q", got, want)
		}
	})
}

// sideAddress is where the first container of inBridgeMode finds the other.
func sideAddress(t *testing.T, w *world) string {
	b, err := w.net.Bridge(t.Context(), network.ContainerNet{Task: idA, Container: "side"})
	if err != nil {
		t.Fatal(err)
	}
	return b.Address.String()
}

// bindingsOf are a container's bindings in the last report.
func bindingsOf(w *world, container string) (all []string) {
	for _, c := range w.last(arnA).Containers {
		if c.ContainerName != container {
			continue
		}
		for _, b := range c.NetworkBindings {
			ports := b.HostPortRange + " to " + b.ContainerPortRange
			if b.HostPort != nil {
				ports = fmt.Sprintf("%d to %d", *b.HostPort, *b.ContainerPort)
			}
			all = append(all, fmt.Sprintf("%s %s %s", b.BindIP, ports, b.Protocol))
		}
	}
	return all
}

func TestAContainerWhosePortIsTakenCannotStart(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		w.net.Fail(&network.PortError{Port: 8080, Protocol: "tcp", Err: errors.New("port is already allocated")})
		if err := a.apply(payload(inBridgeMode)); err != nil {
			t.Fatal(err)
		}
		after(0)
		last := w.last(arnA)
		const want = "CannotStartContainerError: Bind for 0.0.0.0:8080 failed: port is already allocated"
		if last.Status != stopped || len(last.Containers) != 2 || last.Containers[0].Reason != want {
			t.Errorf("reported %+v", last)
		}
	})
}

func TestADisabledNetworkIsAContainersOwn(t *testing.T) {
	for _, mode := range []string{"bridge", "host"} {
		lived(t, func(t *testing.T, w *world, a *agent) {
			if err := a.apply(payload(inBridgeMode, func(task *acs.Task) {
				task.NetworkMode, task.Containers[0].Links = mode, nil
				task.Containers[1].DockerConfig.Config = `{"NetworkDisabled":true}`
			})); err != nil {
				t.Fatal(err)
			}
			after(0)
			shared, web, _ := w.machine.Spec(idA, "web")
			_, side, _ := w.machine.Spec(idA, "side")
			if side.NetNS == "" || side.NetNS == web.NetNS || slices.Contains(shared.ListenIn, side.NetNS) {
				t.Errorf("in mode %s it is in %q, the other in %q; listening in %q", mode, side.NetNS, web.NetNS, shared.ListenIn)
			}
			if hosts, err := os.ReadFile(side.Hosts); err != nil || strings.Contains(string(hosts), side.Config.Hostname) {
				t.Errorf("hosts is %q, %v", hosts, err)
			}
			if slices.ContainsFunc(side.Config.Env, func(v string) bool { return strings.HasPrefix(v, "AWS_ENDPOINT_URL=") }) {
				t.Errorf("its environment is %q", side.Config.Env)
			}
			if got := bindingsOf(w, "side"); len(got) > 0 {
				t.Errorf("its bindings are %q", got)
			}
		})
	}
}

func TestBindingsOfAnEngineWithItsOwnBridge(t *testing.T) {
	var task acs.Task
	task.Containers = make([]acs.Container, 2)
	inBridgeMode(&task)
	c := &task.Containers[1]
	var spec engine.ContainerSpec
	if err := bindPorts(c, &spec); err != nil {
		t.Fatal(err)
	}
	if len(spec.Host.PortBindings) != 12 || len(spec.Config.ExposedPorts) != 12 {
		t.Errorf("it is to publish %v", spec.Host.PortBindings)
	}
	for port, bound := range spec.Host.PortBindings {
		if want := map[string]string{"5432/tcp": "15432"}[port.String()]; len(bound) != 1 || bound[0].HostPort != want || bound[0].HostIP.String() != "0.0.0.0" {
			t.Errorf("%s is to be published as %v", port, bound)
		}
	}
	tcp := func(from, to uint16) engine.Port { return engine.Port{Container: from, Host: to, Protocol: "tcp"} }
	ports := []engine.Port{tcp(5432, 15432), {Container: 53, Host: 40000, Protocol: "udp"}, tcp(7003, 50000)}
	for i := range uint16(3) {
		ports = append(ports, tcp(7000+i, 49000+i))
	}
	var got []string
	for _, p := range publishedBy(c.PortMappings, &engine.ContainerStatus{Ports: ports}) {
		got = append(got, fmt.Sprintf("%s to %s %s", p.Host, p.Container, p.Protocol))
	}
	if want := []string{"15432-15432 to 5432-5432 tcp", "40000-40000 to 53-53 udp", "49000-49002 to 7000-7002 tcp", "50000-50000 to 7003-7003 tcp"}; !slices.Equal(got, want) {
		t.Errorf("published are %q, want %q", got, want)
	}
}
