package wire

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// taskAddress is where a task's own listener answers for Berth.
var taskAddress = netip.MustParseAddr("169.254.170.2")

// isOurs reports whether a request came by a name or address of this server: an
// address is one of ours when it is the one that the connection came to. Any
// other name is that of some web site whose DNS answer points here (DNS
// rebinding), and its pages are not to talk to Berth.
func isOurs(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ip.IsLoopback() || ip == taskAddress || ip.Unmap() == localAddress(r)
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// localAddress is the address that the request's connection came to.
func localAddress(r *http.Request) netip.Addr {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return addr.AddrPort().Addr().Unmap()
}

// foreign is why a request is refused before anything of it is read, and with
// which status; empty when it is not.
func foreign(r *http.Request) (why string, status int) {
	if !isOurs(r) {
		return "Berth does not answer for the host " + quoteHost(r.Host) + ". Use localhost or an address of this machine.",
			http.StatusMisdirectedRequest
	}
	if crossSite(r) {
		return "Berth does not answer requests that a web page of another site makes.", http.StatusForbidden
	}
	return "", 0
}

// crossSite reports whether a page of another site makes the request. Where a
// browser does not say so in Sec-Fetch-Site, as when it opens a websocket, it
// names the page's origin.
func crossSite(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site != "none" && site != "same-origin"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	page, err := url.Parse(origin)
	return err != nil || page.Host != r.Host
}

func quoteHost(h string) string {
	if len(h) > 100 {
		h = h[:100] + "..."
	}
	return "'" + strings.ToValidUTF8(h, "?") + "'"
}
