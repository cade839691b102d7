package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// names runs targets that answer with their names, and set the cookie of an application.
func names(t *testing.T, w *world, group string, n int) {
	var all []string
	for i := range n {
		all = append(all, serve(t, func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				http.SetCookie(rw, &http.Cookie{Name: "session", Value: "x"})
			}
			fmt.Fprintf(rw, "%s%d", group, i)
		}))
	}
	w.targets(group, all...)
}

func (w *world) get(client *http.Client, path string) string {
	w.t.Helper()
	answer, err := client.Get("http://" + w.addr + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return string(body)
}

func withCookies() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar}
}

func TestAClientKeepsItsTarget(t *testing.T) {
	w := newWorld(t, nil)
	w.group("web", func(g *balancer.Group) { g.Stickiness = balancer.Stickiness{Kind: "lb_cookie", For: time.Hour} })
	names(t, w, "web", 3)
	client := withCookies()
	first := w.get(client, "/")
	for range 10 {
		if got := w.get(client, "/"); got != first {
			t.Errorf("went from %s to %s", first, got)
		}
	}
	at, _ := url.Parse("http://" + w.addr)
	var set []string
	for _, c := range client.Jar.Cookies(at) {
		set = append(set, c.Name)
		if strings.Contains(c.Value, "127.0.0.1") {
			t.Errorf("%s tells the target: %s", c.Name, c.Value)
		}
	}
	if len(set) < 1 || set[0] != "AWSALB" {
		t.Errorf("cookies %v", set)
	}
	others := map[string]bool{}
	for range 9 {
		others[w.get(&http.Client{}, "/")] = true
	}
	if len(others) != 3 {
		t.Errorf("clients without cookies got %v", others)
	}
}

func TestAClientKeepsItsTargetWhileTheApplicationSaysSo(t *testing.T) {
	w := newWorld(t, nil)
	w.group("web", func(g *balancer.Group) {
		g.Stickiness = balancer.Stickiness{Kind: "app_cookie", For: time.Hour, Cookie: "session"}
	})
	names(t, w, "web", 3)
	client := withCookies()
	free := map[string]bool{}
	for range 6 {
		free[w.get(client, "/")] = true
	}
	if len(free) != 3 {
		t.Errorf("before the application's cookie the client got %v", free)
	}
	first := w.get(client, "/login")
	for range 10 {
		if got := w.get(client, "/"); got != first {
			t.Errorf("went from %s to %s", first, got)
		}
	}
}

func TestAClientKeepsItsGroupUntilThatHasNoWeight(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.listener.Rules = []balancer.Rule{forwardTo("blue", "green")}
		w.listener.Rules[0].Action.Forward.Sticky = time.Hour
	})
	names(t, w, "blue", 1)
	names(t, w, "green", 1)
	client := withCookies()
	first := w.get(client, "/")
	for range 10 {
		if got := w.get(client, "/"); got != first {
			t.Errorf("went from %s to %s", first, got)
		}
	}
	rule := forwardTo("blue", "green")
	rule.Action.Forward.Sticky = time.Hour
	for i := range rule.Action.Forward.Groups {
		if g := &rule.Action.Forward.Groups[i]; strings.HasPrefix(first, g.Group) {
			g.Weight = 0
		}
	}
	listener := w.listener
	listener.Rules = []balancer.Rule{rule}
	if err := w.proxy.Update(&w.balancer, &listener); err != nil {
		t.Fatal(err)
	}
	if got := w.get(client, "/"); got == first {
		t.Errorf("stayed with %s, which has no weight", got)
	}
}

func TestACookieIsGoodForItsTimeAndItsNameOnly(t *testing.T) {
	now := time.Unix(1e9, 0)
	j := newJar([]byte("key"))
	sealed := []byte(j.seal("AWSALB", now.Add(time.Hour), []byte("says")))
	if got := j.open("AWSALB", sealed, now); string(got) != "says" {
		t.Errorf("says %q", got)
	}
	if newJar([]byte("key")).open("AWSALB", sealed, now) == nil {
		t.Error("another with the same key does not open it")
	}
	spoiled := append([]byte("A"), sealed[1:]...)
	if spoiled[0] == sealed[0] {
		spoiled[0] = 'B'
	}
	if j.open("AWSALB", sealed, now.Add(time.Hour)) != nil || j.open("AWSALBTG", sealed, now) != nil || j.open("AWSALB", spoiled, now) != nil ||
		newJar([]byte("other")).open("AWSALB", sealed, now) != nil || j.open("AWSALB", []byte("x"), now) != nil {
		t.Error("it opens when it must not")
	}
}

func TestRedirects(t *testing.T) {
	for _, c := range []struct {
		to   balancer.Redirect
		want string
	}{
		{balancer.Redirect{Status: 301, Protocol: "HTTPS", Port: "443"}, "https://a.test:443/x/y?q=1"},
		{balancer.Redirect{Status: 302, Host: "new.#{host}", Path: "/p/#{path}", Query: "#{query}&r"}, "http://new.a.test:8080/p/x/y?q=1&r"},
		{balancer.Redirect{Status: 302, Protocol: "#{protocol}", Host: "#{host}", Port: "#{port}", Path: "/fixed", Query: "z"}, "http://a.test:8080/fixed?z"},
	} {
		w := newWorld(t, func(w *world) { w.listener.Rules = []balancer.Rule{{Action: balancer.Action{Redirect: &c.to}}} })
		got := w.say("GET /x/y?q=1 HTTP/1.1\r\nHost: a.test:8080\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", c.to.Status)) || !strings.Contains(got, "\r\nLocation: "+c.want+"\r\n") {
			t.Errorf("redirected to %q, want %s", got, c.want)
		}
	}
}

func TestALineOfTheAccessLog(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.balancer.ARN = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/1a2b3c4d5e6f7a8b"
		w.balancer.AccessLog = &balancer.AccessLog{Bucket: "logs"}
	})
	addr := serve(t, func(rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, "hello") })
	w.targets("web", addr)
	w.say("GET /p?q HTTP/1.1\r\nHost: a.test\r\nUser-Agent: say \"it\"\r\nConnection: close\r\n\r\n")
	eventually(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.lines) == 1 })
	line := w.lines[0]
	for _, part := range []string{"http 2", " app/web/1a2b3c4d5e6f7a8b 127.0.0.1:", " " + addr + " 0.0", " 200 200 ", " 5 \"GET http://a.test:",
		"/p?q HTTP/1.1\" \"say \\x22it\\x22\" - - web \"Root=1-", "\"forward\" \"-\" \"-\" \"" + addr + "\" \"200\" \"-\" \"-\" -\n"} {
		if !strings.Contains(line, part) {
			t.Errorf("%q lacks %q", line, part)
		}
	}
}
