package proxy

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// certificate makes one for the names, signed by itself.
func certificate(t testing.TB, names ...string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(0x3a5b1), Subject: pkix.Name{CommonName: names[0], Organization: []string{"Berth"}}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// encrypted makes the listener one for HTTPS.
func encrypted(t testing.TB, certificates ...*tls.Certificate) func(*world) {
	return func(w *world) {
		w.listener.Protocol, w.listener.Port = balancer.HTTPS, 443
		w.listener.TLS = &balancer.TLSSettings{Policy: "ELBSecurityPolicy-TLS13-1-2-2021-06", Certificates: certificates}
		w.balancer.HTTP.HTTP2, w.balancer.HTTP.TLSHeaders = true, true
	}
}

func secureClient(t testing.TB, version2 bool, own ...tls.Certificate) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(version2)
	protocols.SetHTTP1(!version2)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: own}, Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func TestHTTPSOfBothVersionsReachesATargetOfHTTP1(t *testing.T) {
	for _, version2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", version2), func(t *testing.T) {
			w := newWorld(t, encrypted(t, certificate(t, "a.test")))
			w.targets("web", serve(t, func(rw http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				rw.Header().Set("Trailer", "X-Sum")
				fmt.Fprintf(rw, "%s %s %s %s %s", r.Proto, r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Amzn-Tls-Version"), r.Header.Get("Cookie"), body)
				rw.Header().Set("X-Sum", "7")
			}))
			request, _ := http.NewRequest("POST", "https://"+w.addr+"/x", io.MultiReader(strings.NewReader("streamed")))
			request.Header.Set("Cookie", "a=b")
			answer, err := secureClient(t, version2).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			if err != nil || string(body) != "HTTP/1.1 https TLSv1.3 a=b streamed" || (answer.ProtoMajor == 2) != version2 {
				t.Errorf("answered by %s: %q, %v", answer.Proto, body, err)
			}
			if answer.Trailer.Get("X-Sum") != "7" {
				t.Errorf("trailers are %v", answer.Trailer)
			}
		})
	}
}

// serveHTTP2 runs a target that speaks HTTP/2 without TLS.
func serveHTTP2(t testing.TB, h http.HandlerFunc) string {
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestGRPCGoesThroughInBothDirectionsAtOnce(t *testing.T) {
	w := newWorld(t, encrypted(t, certificate(t, "a.test")))
	w.group("web", func(g *balancer.Group) { g.Version = balancer.GRPC })
	w.targets("web", serveHTTP2(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/grpc")
		if r.URL.Path == "/refused" { // trailers alone
			rw.Header().Set("Grpc-Status", "7")
			return
		}
		if r.Header.Get("Te") != "trailers" || r.Proto != "HTTP/2.0" {
			t.Errorf("the target got te %q by %s", r.Header.Get("Te"), r.Proto)
		}
		lines := bufio.NewReader(r.Body)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			fmt.Fprint(rw, "echo ", line)
			_ = http.NewResponseController(rw).Flush()
		}
		rw.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	}))
	client := secureClient(t, true)
	in, out := io.Pipe()
	request, _ := http.NewRequest("POST", "https://"+w.addr+"/echo", in)
	request.Header.Set("Te", "trailers")
	request.Header.Set("Content-Type", "application/grpc")
	go fmt.Fprintln(out, 0)
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(answer.Body)
	for i := range 5 {
		if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintf("echo %d\n", i) {
			t.Fatalf("%q, %v", line, err)
		}
		if i < 4 {
			fmt.Fprintln(out, i+1)
		}
	}
	out.Close()
	if _, err := io.ReadAll(lines); err != nil || answer.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("%v, trailers %v", err, answer.Trailer)
	}
	answer, err = client.Post("https://"+w.addr+"/refused", "application/grpc", strings.NewReader("x"))
	if err != nil || answer.Header.Get("Grpc-Status") != "7" {
		t.Errorf("%v, %v", answer, err)
	}
	if answer, err = client.Get("https://" + w.addr + "/get"); err != nil || answer.StatusCode != 464 {
		t.Errorf("a GET to a group of gRPC: %v, %v", answer, err)
	}
}

func TestACertificateIsChosenByServerName(t *testing.T) {
	w := newWorld(t, encrypted(t, certificate(t, "default.test"), certificate(t, "*.wild.test"), certificate(t, "own.wild.test")))
	for name, want := range map[string]string{"": "default.test", "else.test": "default.test", "a.wild.test": "*.wild.test", "own.wild.test": "own.wild.test", "OWN.wild.test": "own.wild.test"} {
		conn, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true, ServerName: name})
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState().PeerCertificates[0].DNSNames[0]; got != want {
			t.Errorf("%q got the certificate of %s, want %s", name, got, want)
		}
		conn.Close()
	}
	if _, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("the policy allows TLS 1.1")
	}
	if got := w.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("HTTP at a port for HTTPS was answered %q", got)
	}
}

func TestMutualTLSTellsTheTargetOfTheClient(t *testing.T) {
	own := certificate(t, "client.test")
	trust := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})
	for _, mutual := range []string{"verify", "passthrough"} {
		t.Run(mutual, func(t *testing.T) {
			seen := make(chan http.Header, 1)
			w := newWorld(t, func(w *world) {
				encrypted(t, certificate(t, "a.test"))(w)
				w.listener.TLS.Mutual, w.listener.TLS.TrustStore = mutual, trust
			})
			w.targets("web", serve(t, func(rw http.ResponseWriter, r *http.Request) { seen <- r.Header }))
			if _, err := secureClient(t, true, *own).Get("https://" + w.addr); err != nil {
				t.Fatal(err)
			}
			h := <-seen
			if mutual == "passthrough" {
				if got := h.Get("X-Amzn-Mtls-Clientcert"); !strings.HasPrefix(got, "-----BEGIN%20CERTIFICATE-----%0A") {
					t.Errorf("passed %q through", got)
				}
				return
			}
			if h.Get("X-Amzn-Mtls-Clientcert-Subject") != "CN=client.test,O=Berth" || h.Get("X-Amzn-Mtls-Clientcert-Serial-Number") != "03A5B1" ||
				!strings.HasPrefix(h.Get("X-Amzn-Mtls-Clientcert-Validity"), "NotBefore=2") {
				t.Errorf("told %v", h)
			}
			if _, err := secureClient(t, true).Get("https://" + w.addr); err == nil {
				t.Error("a client without a certificate was let in")
			}
			if _, err := secureClient(t, true, *certificate(t, "client.test")).Get("https://" + w.addr); err == nil {
				t.Error("a client with a certificate of its own making was let in")
			}
		})
	}
}

func TestAnUpgradedConnectionCarriesBytesBothWays(t *testing.T) {
	w := newWorld(t, nil)
	w.targets("web", raw(t, func(c net.Conn, r *bufio.Reader) {
		head, err := readHead(r)
		if err != nil || !strings.Contains(head, "Connection: Upgrade\r\nUpgrade: websocket\r\n") {
			t.Errorf("the target saw %q", head)
			return
		}
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst ")
		_, _ = io.Copy(c, r)
	}))
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nearly ")
	r := bufio.NewReader(c)
	if head, err := readHead(r); err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("%q, %v", head, err)
	}
	large := strings.Repeat("0123456789abcdef", 1<<16)
	go func() {
		fmt.Fprint(c, large)
		c.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(r); err != nil || string(got) != "first early "+large {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

func TestAnEarlyAnswerEndsTheUploadOfEitherVersion(t *testing.T) {
	for _, version2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", version2), func(t *testing.T) {
			w := newWorld(t, encrypted(t, certificate(t, "a.test")))
			w.targets("web", raw(t, func(c net.Conn, r *bufio.Reader) {
				if _, err := readHead(r); err == nil {
					fmt.Fprint(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
					_, _ = io.Copy(io.Discard, r)
				}
			}))
			in, out := io.Pipe()
			defer out.Close()
			go fmt.Fprint(out, "begun")
			request, _ := http.NewRequest("POST", "https://"+w.addr, in)
			answer, err := secureClient(t, version2).Do(request)
			if err != nil || answer.StatusCode != 401 {
				t.Fatalf("%v, %v", answer, err)
			}
			eventually(t, func() bool { return w.Group("web").Health()[w.specs["web"].Targets[0].Key()].Connections == 0 })
		})
	}
}

// TestTheStrictestModeTakesOrdinaryRequests has what every client sends pass the strictest desync mitigation.
func TestTheStrictestModeTakesOrdinaryRequests(t *testing.T) {
	for _, version2 := range []bool{false, true} {
		w := newWorld(t, func(w *world) {
			encrypted(t, certificate(t, "a.test"))(w)
			w.balancer.HTTP.DesyncMode = "strictest"
		})
		w.targets("web", serve(t, func(rw http.ResponseWriter, r *http.Request) { _, _ = io.Copy(rw, r.Body) }))
		answer, err := secureClient(t, version2).Post("https://"+w.addr+"/", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(answer.Body); answer.StatusCode != 200 || string(body) != "hello" {
			t.Errorf("HTTP/2 %v: answered %d %q", version2, answer.StatusCode, body)
		}
	}
}

// TestNothingIsLeftOfATargetThatWentWithoutDraining looks for the way to it, by either version of HTTP.
func TestNothingIsLeftOfATargetThatWentWithoutDraining(t *testing.T) {
	for _, version := range []string{balancer.HTTP1, balancer.HTTP2} {
		w := newWorld(t, encrypted(t, certificate(t, "a.test")))
		w.group("web", func(g *balancer.Group) { g.Version = version })
		hello := func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "hello") }
		addr := serve(t, hello)
		if version == balancer.HTTP2 {
			addr = serveHTTP2(t, hello)
		}
		w.targets("web", addr)
		answer, err := secureClient(t, true).Get("https://" + w.addr)
		if err != nil || answer.StatusCode != 200 {
			t.Fatalf("%s: %v, %v", version, answer, err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		w.group("web", func(g *balancer.Group) { g.Targets = nil })
		eventually(t, func() (gone bool) {
			gone = true
			for _, ways := range []*sync.Map{&w.proxy.pools, &w.proxy.trunks} {
				ways.Range(func(any, any) bool { gone = false; return false })
			}
			return gone
		})
	}
}
