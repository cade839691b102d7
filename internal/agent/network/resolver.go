package network

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/netutil"
)

// resolver is a VPC's DNS server. It knows the private names of the tasks attached here and asks the host's resolvers
// everything else, from the host's namespace: a resolver on the host's loopback interface serves as well as any.
type resolver struct {
	upstreams *upstreams
	log       *slog.Logger
	servers   []*dns.Server
	done      sync.WaitGroup
	slots     chan struct{} // one for each question under way

	mu    sync.RWMutex
	addrs map[string]netip.Addr // by name, lower case with its final dot
	names map[string]string     // name by reverse name
	// balancers are the names of load balancers, as addrs.
	balancers map[string][]netip.Addr
}

const (
	// maxQuestions bounds the questions that others are asked at a time, and the TCP connections from tasks.
	maxQuestions = 512
	// A client that hears nothing asks again after 5 s: it gets an answer before that, be it a failure.
	tryTimeout      = 1500 * time.Millisecond
	questionTimeout = 4500 * time.Millisecond
	nameTTL         = 60 // seconds
	balancerTTL     = 5  // its addresses change with its subnets
)

// newResolver answers on the sockets, which it closes in the end.
func newResolver(udp net.PacketConn, tcp net.Listener, up *upstreams, log *slog.Logger) *resolver {
	r := &resolver{upstreams: up, log: log, slots: make(chan struct{}, maxQuestions),
		addrs: map[string]netip.Addr{}, names: map[string]string{}, balancers: map[string][]netip.Addr{}}
	r.servers = []*dns.Server{
		{PacketConn: udp, Handler: r.handler("udp")},
		{Listener: netutil.LimitListener(tcp, maxQuestions), Handler: r.handler("tcp"), ReadTimeout: 5 * time.Second, MaxTCPQueries: 128},
	}
	for _, server := range r.servers {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		r.done.Go(func() {
			if err := server.ActivateAndServe(); err != nil && !errors.Is(err, net.ErrClosed) {
				log.Error("the VPC's DNS server ended", "error", err)
			}
		})
		<-started
	}
	return r
}

func (r *resolver) close() {
	for _, server := range r.servers {
		_ = server.Shutdown() // closes the socket; fails only when that is done already
	}
	r.done.Wait()
}

// add makes a task's private name known.
func (r *resolver) add(name string, addr netip.Addr) {
	if name == "" {
		return
	}
	reverse, err := dns.ReverseAddr(addr.String())
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addrs[dns.CanonicalName(name)] = addr
	r.names[reverse] = dns.CanonicalName(name)
}

// remove undoes add.
func (r *resolver) remove(name string, addr netip.Addr) {
	reverse, _ := dns.ReverseAddr(addr.String())
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.addrs, dns.CanonicalName(name))
	delete(r.names, reverse)
}

// name makes a load balancer's name known, with these addresses and no others.
func (r *resolver) name(name string, addrs []netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.balancers[dns.CanonicalName(name)] = addrs
}

// forget undoes name.
func (r *resolver) forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.balancers, dns.CanonicalName(name))
}

func (r *resolver) handler(network string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, question *dns.Msg) {
		_ = w.WriteMsg(r.answer(network, question)) // the client may be gone: it asks again
	}
}

func (r *resolver) answer(network string, question *dns.Msg) *dns.Msg {
	answer := r.local(question)
	if answer == nil {
		answer = r.ask(network, question)
	}
	answer.Truncate(room(network, question))
	return answer
}

// room is the size of answer that whoever asked takes. Names that an upstream has compressed have grown since.
func room(network string, question *dns.Msg) int {
	if network == "tcp" {
		return dns.MaxMsgSize
	}
	if opt := question.IsEdns0(); opt != nil {
		return int(opt.UDPSize())
	}
	return dns.MinMsgSize
}

// privateName matches the names that EC2 gives to addresses; nobody but the VPC's resolver knows them.
var privateName = regexp.MustCompile(`^ip-\d+-\d+-\d+-\d+\.(ec2|[a-z0-9-]+\.compute)\.internal\.$`)

// local returns the answer to a question about the VPC's own names, or nil.
func (r *resolver) local(question *dns.Msg) *dns.Msg {
	answer := new(dns.Msg).SetReply(question)
	answer.RecursionAvailable = true
	if question.Opcode != dns.OpcodeQuery || len(question.Question) != 1 {
		return answer.SetRcode(question, dns.RcodeNotImplemented)
	}
	q := question.Question[0]
	name := strings.ToLower(q.Name)
	r.mu.RLock()
	addr, isName := r.addrs[name]
	target, isAddr := r.names[name]
	balancer, isBalancer := r.balancers[name]
	r.mu.RUnlock()
	header := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: nameTTL}
	switch {
	case isName && q.Qtype == dns.TypeA:
		answer.Answer = []dns.RR{&dns.A{Hdr: header, A: addr.AsSlice()}}
	case isAddr && q.Qtype == dns.TypePTR:
		answer.Answer = []dns.RR{&dns.PTR{Hdr: header, Ptr: target}}
	case isBalancer && q.Qtype == dns.TypeA:
		header.Ttl = balancerTTL
		for _, i := range rand.Perm(len(balancer)) { // each client begins with another
			answer.Answer = append(answer.Answer, &dns.A{Hdr: header, A: balancer[i].AsSlice()})
		}
	case isName || isAddr || isBalancer: // it exists; nothing else is known of it
	case privateName.MatchString(name):
		answer.Rcode = dns.RcodeNameError
	default:
		return nil
	}
	answer.Authoritative = true
	return answer
}

// ask passes the question to the host's resolvers, one after the other, twice over. What it returns has the question's id.
func (r *resolver) ask(network string, question *dns.Msg) *dns.Msg {
	failure := new(dns.Msg).SetRcode(question, dns.RcodeServerFailure)
	failure.RecursionAvailable = true
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	default:
		return failure
	}
	ctx, cancel := context.WithTimeout(context.Background(), questionTimeout)
	defer cancel()
	client := &dns.Client{Net: network, Timeout: tryTimeout, UDPSize: dns.DefaultMsgSize}
	forward := question.Copy()
	servers := r.upstreams.current()
	for range 2 {
		for _, server := range servers {
			forward.Id = dns.Id()
			answer, _, err := client.ExchangeContext(ctx, forward, server)
			if ctx.Err() != nil {
				return failure
			}
			if err != nil {
				r.log.Debug("a resolver of the host does not answer", "server", server, "error", err)
				continue
			}
			answer.Id = question.Id
			if answer.Rcode != dns.RcodeServerFailure {
				return answer
			}
			failure = answer
		}
	}
	return failure
}
