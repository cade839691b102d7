package tasks

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/miekg/dns"

	"github.com/berth-dev/berth/test/berthtest"
)

// internetName is the name of the Internet's only page, which only the host's resolver knows.
const internetName = "page.example"

// internet serves a page on the Internet that says who asks, and the host's resolver, which knows the page's name and
// listens on the host's loopback alone.
func internet(t *testing.T) {
	t.Helper()
	var page net.Listener
	err := berthtest.Inside(berthtest.Internet, func() (err error) { page, err = net.Listen("tcp4", berthtest.InternetAddr+":80"); return err })
	if err != nil {
		t.Fatal(err)
	}
	serveAsker(t, page, "the Internet")

	packets, err := net.ListenPacket("udp4", berthtest.ResolverAddr+":53")
	if err != nil {
		t.Fatal(err)
	}
	resolver := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		switch asked := q.Question[0]; {
		case asked.Name != internetName+".":
			answer.Rcode = dns.RcodeNameError
		case asked.Qtype == dns.TypeA:
			answer.Answer = []dns.RR{&dns.A{A: net.ParseIP(berthtest.InternetAddr),
				Hdr: dns.RR_Header{Name: asked.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}}}
		}
		_ = w.WriteMsg(answer)
	})}
	started := make(chan struct{})
	resolver.NotifyStartedFunc = func() { close(started) }
	go resolver.ActivateAndServe()
	<-started
	t.Cleanup(func() { resolver.Shutdown() })
}

// serveAsker answers HTTP requests with a name and the address that the request came from.
func serveAsker(t *testing.T, l net.Listener, name string) {
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprintf(w, "%s to %s", name, host)
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
}
