package proxy

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// record is what the access log says of a request.
type record struct {
	began        time.Time
	sentAt       time.Duration // until the request had been sent to the target; 0: it was not
	first        time.Duration // until the target's answer began; 0: it did not
	status       int           // sent to the client; 0: none yet
	targetStatus int
	group        string
	target       balancer.TargetKey
	received     int64
	sent         int64
	traceID      []byte
	redirect     string
}

// log gives the request's line to the access log, as Application Load Balancers write it.
func (x *exchange) log() {
	to := x.setup.balancer.AccessLog
	if to == nil || x.proxy.config.Log == nil {
		return
	}
	x.proxy.config.Log(to, x.line(time.Now()))
}

// stamp is how the log writes times.
const stamp = "2006-01-02T15:04:05.000000Z"

func (x *exchange) line(now time.Time) []byte {
	r, q := &x.record, &x.req
	var l logLine
	l.word(x.kind())
	l.word(now.UTC().Format(stamp))
	l.word(shortName(x.setup.balancer.ARN))
	l.word(q.client.String())
	targets, statuses := "-", "-"
	if r.target != (balancer.TargetKey{}) {
		targets = r.target.ID + ":" + strconv.Itoa(int(r.target.Port))
		if ip, err := netip.ParseAddr(r.target.ID); err == nil {
			targets = netip.AddrPortFrom(ip, r.target.Port).String()
		}
	}
	if r.targetStatus != 0 {
		statuses = strconv.Itoa(r.targetStatus)
	}
	l.word(targets)
	total := now.Sub(r.began)
	switch {
	case r.first > 0:
		l.times(r.sentAt, r.first-r.sentAt, total-r.first)
	case r.sentAt > 0:
		l.times(r.sentAt, -1, -1)
	default:
		l.times(-1, -1, -1)
	}
	l.word(strconv.Itoa(r.status))
	l.word(statuses)
	l.word(strconv.FormatInt(int64(q.size)+r.received, 10))
	l.word(strconv.FormatInt(r.sent, 10))
	agent, _ := q.get(userAgent)
	l.quoted(x.requestLine())
	l.quoted(agent)
	cipher, version, domain := "-", "-", "-"
	if q.tls != nil {
		cipher, version = cipherName(q.tls.CipherSuite), versionName(q.tls.Version)
		if q.tls.ServerName != "" {
			domain = q.tls.ServerName
		}
	}
	l.word(cipher)
	l.word(version)
	l.word(dash(r.group))
	l.quoted(r.traceID)
	l.quoted([]byte(domain))
	l.quoted(nil) // which certificate was chosen is not told by ARN
	l.word(x.priority())
	l.word(r.began.UTC().Format(stamp))
	l.quoted([]byte(x.action()))
	l.quoted([]byte(r.redirect))
	l.quoted(nil) // no action of the load balancer's own fails here
	l.quoted([]byte(targets))
	l.quoted([]byte(statuses))
	class, reason := q.classification()
	l.quoted([]byte(class))
	l.quoted([]byte(reason))
	l.word("-") // connections have no identifiers
	return append(l.text, '\n')
}

// logLine is a line of the log while it is written.
type logLine struct{ text []byte }

func (l *logLine) next() {
	if len(l.text) > 0 {
		l.text = append(l.text, ' ')
	}
}

func (l *logLine) word(w string) {
	l.next()
	l.text = append(l.text, w...)
}

// quoted writes what clients say: what could end the quotes or the line is escaped.
func (l *logLine) quoted(b []byte) {
	l.next()
	if len(b) == 0 {
		b = []byte("-")
	}
	l.text = append(l.text, '"')
	for _, c := range b {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			const digits = "0123456789ABCDEF"
			l.text = append(l.text, '\\', 'x', digits[c>>4], digits[c&15])
			continue
		}
		l.text = append(l.text, c)
	}
	l.text = append(l.text, '"')
}

// times writes spans in seconds, and -1 for those that were not.
func (l *logLine) times(spans ...time.Duration) {
	for _, s := range spans {
		l.next()
		if s < 0 {
			l.text = append(l.text, "-1"...)
			continue
		}
		l.text = strconv.AppendFloat(l.text, s.Seconds(), 'f', 3, 64)
	}
}

// kind is the type of the request: http, https, h2, grpcs, ws, wss.
func (x *exchange) kind() string {
	secure, kind := x.setup.secure, "http"
	switch {
	case x.record.status == 101:
		kind = "ws"
	case x.req.version == 2 && x.group != nil && x.group.Spec().Version == balancer.GRPC:
		return "grpcs"
	case x.req.version == 2:
		return "h2"
	}
	if secure {
		kind += "s"
	}
	return kind
}

// shortName is the end of a load balancer's ARN: app/web/1a2b3c4d5e6f7a8b.
func shortName(arn string) string {
	_, name, found := strings.Cut(arn, ":loadbalancer/")
	if !found {
		return dash(arn)
	}
	return name
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// requestLine is the request as the log has it: with the whole URL.
func (x *exchange) requestLine() []byte {
	q := &x.req
	if q.target == nil || q.buf == nil {
		return []byte("- " + x.kind() + "://- -")
	}
	scheme, version := "http", "HTTP/1.1"
	if x.setup.secure {
		scheme = "https"
	}
	switch {
	case q.version == 2:
		version = "HTTP/2.0"
	case q.minor == 0:
		version = "HTTP/1.0"
	}
	name, port := splitPort(q.host)
	if len(port) == 0 {
		port = strconv.AppendUint(nil, uint64(x.port), 10)
	}
	return bytes.Join([][]byte{q.method, []byte(" " + scheme + "://"), name, []byte(":"), port, q.target, []byte(" " + version)}, nil)
}

// priority is the matched rule's; 0 is the default, "-" that none was asked.
func (x *exchange) priority() string {
	if x.rule == nil {
		return "-"
	}
	return strconv.Itoa(x.rule.Priority)
}

func (x *exchange) action() string {
	switch {
	case x.rule == nil:
		return ""
	case x.rule.Action.Redirect != nil:
		return "redirect"
	case x.rule.Action.Fixed != nil:
		return "fixed-response"
	}
	return "forward"
}
