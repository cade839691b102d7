package proxy

// known is a header field that the proxy reads, writes or removes.
type known uint8

const (
	other known = iota
	hop         // of one connection, such as Keep-Alive, or named by Connection
	connection
	contentLength
	contentType
	cookie
	date
	expect
	forwardedFor
	forwardedPort
	forwardedProto
	host
	mutual // X-Amzn-Mtls-...: only the load balancer says them
	server
	setCookie
	te
	tlsFacts // X-Amzn-Tls-...
	traceID
	trailer
	transferEncoding
	upgrade
	userAgent
)

// know tells which field a name is.
func know(name []byte) known {
	is := func(lower string, k known) known {
		if equalFold(name, lower) {
			return k
		}
		return other
	}
	switch len(name) {
	case 2:
		return is("te", te)
	case 4:
		switch fold(name[0]) {
		case 'h':
			return is("host", host)
		case 'd':
			return is("date", date)
		}
	case 6:
		switch fold(name[0]) {
		case 'c':
			return is("cookie", cookie)
		case 'e':
			return is("expect", expect)
		case 's':
			return is("server", server)
		}
	case 7:
		if k := is("upgrade", upgrade); k != other {
			return k
		}
		return is("trailer", trailer)
	case 10:
		switch fold(name[0]) {
		case 'c':
			return is("connection", connection)
		case 'k':
			return is("keep-alive", hop)
		case 's':
			return is("set-cookie", setCookie)
		case 'u':
			return is("user-agent", userAgent)
		}
	case 12:
		return is("content-type", contentType)
	case 14:
		if k := is("content-length", contentLength); k != other {
			return k
		}
		return is("http2-settings", hop)
	case 15:
		if k := is("x-forwarded-for", forwardedFor); k != other {
			return k
		}
		return is("x-amzn-trace-id", traceID)
	case 16:
		switch fold(name[2]) {
		case 'f':
			return is("x-forwarded-port", forwardedPort)
		case 'o':
			return is("proxy-connection", hop)
		}
	case 17:
		if k := is("transfer-encoding", transferEncoding); k != other {
			return k
		}
		return is("x-forwarded-proto", forwardedProto)
	case 18:
		return is("x-amzn-tls-version", tlsFacts)
	case 23:
		if k := is("x-amzn-tls-cipher-suite", tlsFacts); k != other {
			return k
		}
	}
	if len(name) >= len(mutualPrefix) && equalFold(name[:len(mutualPrefix)], mutualPrefix) {
		return mutual
	}
	return other
}

const mutualPrefix = "x-amzn-mtls-"
