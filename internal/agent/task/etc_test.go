package task

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/api/acs"
)

func TestResolvConf(t *testing.T) {
	const base = "# made by hand\nnameserver 10.0.0.2\nsearch corp.example\noptions ndots:2\n"
	quad9 := []netip.Addr{netip.MustParseAddr("9.9.9.9")}
	for name, c := range map[string]struct {
		host container.HostConfig
		want string // an error's text, or the file
	}{
		"servers":           {container.HostConfig{DNS: quad9}, "# made by hand\nsearch corp.example\noptions ndots:2\nnameserver 9.9.9.9\n"},
		"search domains":    {container.HostConfig{DNSSearch: []string{"a.example", "b"}}, "# made by hand\nnameserver 10.0.0.2\noptions ndots:2\nsearch a.example b\n"},
		"none":              {container.HostConfig{DNSSearch: []string{"."}}, "# made by hand\nnameserver 10.0.0.2\noptions ndots:2\n"},
		"options":           {container.HostConfig{DNSOptions: []string{"rotate"}}, "# made by hand\nnameserver 10.0.0.2\nsearch corp.example\noptions rotate\n"},
		"a line that isn't": {container.HostConfig{DNSSearch: []string{"a\nnameserver 6.6.6.6"}}, "is not a valid domain"},
	} {
		got, err := resolvConf([]byte(base), &c.host)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != c.want && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestHosts(t *testing.T) {
	for entry, want := range map[string]string{
		"db:10.0.0.9": "127.0.0.1 localhost\n10.0.0.9\tdb\n", "db:fd00::9": "127.0.0.1 localhost\nfd00::9\tdb\n", "db:[fd00::9]": "127.0.0.1 localhost\nfd00::9\tdb\n",
		"db": "", "db:nowhere": "", "a b:10.0.0.9": "", "a\n6.6.6.6\tbank:10.0.0.9": "", ":10.0.0.9": "",
	} {
		if got, err := withHosts([]byte("127.0.0.1 localhost"), []string{entry}); string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", entry, got, err)
		}
	}
}

func TestAContainersOwnFiles(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		err := a.apply(payload(func(task *acs.Task) {
			task.NetworkMode, task.ElasticNetworkInterfaces = "none", nil
			task.Containers[0].DockerConfig.HostConfig = `{"NetworkMode":"none","Dns":["9.9.9.9"],"ExtraHosts":["db:10.0.0.9"]}`
		}))
		if err != nil {
			t.Fatal(err)
		}
		after(0)
		id, _ := ID(arnA)
		shared, spec, _ := w.machine.Spec(id, "web")
		for path, want := range map[string]string{spec.ResolvConf: "nameserver 9.9.9.9\n", spec.Hosts: "10.0.0.9\tdb\n"} {
			if content, err := os.ReadFile(path); err != nil || !strings.HasSuffix(string(content), want) || path == shared.Hosts {
				t.Errorf("%s: %s %v", path, content, err)
			}
		}
		if _, spec, _ = w.machine.Spec(id, "side"); spec.ResolvConf+spec.Hosts != "" {
			t.Errorf("another container has %s %s", spec.ResolvConf, spec.Hosts)
		}
	})
}
