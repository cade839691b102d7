package proxy

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// titles are the words beside a status where the load balancers of AWS have words of their own.
var titles = map[int]string{
	414: "Request-URI Too Large",
	460: "Client Closed Connection",
	463: "Bad Request",
	464: "Unsupported Protocol",
	503: "Service Temporarily Unavailable",
	504: "Gateway Time-out",
}

func title(status int) string {
	if t, ok := titles[status]; ok {
		return t
	}
	return http.StatusText(status)
}

// fail answers with an error of the load balancer's own.
func (x *exchange) fail(status int) {
	if status == 400 || status == 408 || status == 413 || status == 414 || status == 505 {
		x.spoiled = true
	}
	line := strconv.Itoa(status) + " " + title(status)
	x.own(status, "text/html", page(line, line), "")
}

// page is what people see of an answer of the load balancer's own.
func page(title, line string) string {
	return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + line + "</h1></center>\r\n</body>\r\n</html>\r\n"
}

// own sends an answer of the load balancer's own.
func (x *exchange) own(status int, contentType, body, location string) {
	x.record.status = status
	added := append(x.reply.added[:0], "Server: awselb/2.0\r\n"...)
	if body != "" && contentType != "" {
		added = append(append(append(added, "Content-Type: "...), contentType...), crlf...)
	}
	if location != "" {
		added = append(append(append(added, "Location: "...), location...), crlf...)
	}
	x.reply = reply{status: status, framing: framing{ofLength, int64(len(body))}, added: added}
	if status == 204 || status == 304 {
		x.reply.framing.kind = empty
	}
	err := x.sink.begin(&x.reply)
	if err == nil && x.reply.framing.kind == ofLength && string(x.req.method) != "HEAD" {
		x.record.sent += int64(len(body))
		err = x.sink.data([]byte(body))
	}
	if err == nil {
		err = x.sink.finish(nil)
	}
	if err != nil {
		x.spoiled, x.broken = true, true
	}
}

func (x *exchange) fixed(f *balancer.Fixed) { x.own(f.Status, f.ContentType, f.Body, "") }

// maxLocation is from which size on a redirect is refused with 507.
const maxLocation = 8 << 10

// redirect sends the client elsewhere. What the action leaves out stays as it was in the request.
func (x *exchange) redirect(to *balancer.Redirect) {
	name, port := splitPort(x.req.host)
	scheme := "http"
	if x.setup.secure {
		scheme = "https"
	}
	here := strconv.Itoa(int(x.port))
	if len(port) > 0 {
		here = string(port)
	}
	fill := strings.NewReplacer("#{protocol}", scheme, "#{host}", string(name), "#{port}", here,
		"#{path}", strings.TrimPrefix(string(x.req.path), "/"), "#{query}", string(x.req.query))
	part := func(template, otherwise string) string {
		if template == "" {
			template = otherwise
		}
		return fill.Replace(template)
	}
	protocol := strings.ToLower(part(to.Protocol, "#{protocol}"))
	at := part(to.Port, "#{port}")
	if to.Port != "" && !strings.Contains(to.Port, "#{port}") {
		at = x.published(at)
	}
	location := protocol + "://" + part(to.Host, "#{host}") + ":" + at + part(to.Path, "/#{path}")
	if query := part(to.Query, "#{query}"); query != "" {
		location += "?" + query
	}
	x.record.redirect = location
	if len(location) > maxLocation {
		x.fail(507)
		return
	}
	line := strconv.Itoa(to.Status) + " " + title(to.Status)
	x.own(to.Status, "text/html", page(line, line), location)
}

// published is the port of this machine by which a client that came by such a port finds a listener.
func (x *exchange) published(port string) string {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || x.port == x.setup.listener.Port || x.proxy.config.Published == nil {
		return port
	}
	if at := x.proxy.config.Published(uint16(n)); at != 0 {
		return strconv.Itoa(int(at))
	}
	return port
}
