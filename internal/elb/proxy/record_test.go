package proxy

import (
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// TestTheLogSaysHowARequestStrays looks at the class and the reason, by the names of AWS.
func TestTheLogSaysHowARequestStrays(t *testing.T) {
	const host = "Host: a\r\nConnection: close\r\n"
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\n" + host + "\r\n":                                                               `200 "-" "-"`,
		"GET / HTTP/1.1\n" + host + "\r\n":                                                                 `200 "Acceptable" "NonCrLfLineTermination"`,
		"GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\nx":                                         `200 "Ambiguous" "UndefinedContentLengthSemantics"`,
		"POST / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\nx":                                       `400 "Severe" "BadContentLength"`,
		"POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx":                   `400 "Severe" "MultipleContentLength"`,
		"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\nx": `400 "Severe" "MultipleTransferEncodingChunked"`,
		"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\nx":                              `501 "Severe" "BadTransferEncoding"`,
		"GET / HTTP/1.1\r\n" + host + "A : b\r\n\r\n":                                                      `400 "Severe" "BadHeader"`,
		"GET / HTTP/1.1\r\n" + host + "A: b\x00\r\n\r\n":                                                   `400 "Severe" "BadHeader"`,
		"GET / HTTP/1.1\r\n" + host + "Host: b\r\n\r\n":                                                    `400 "Severe" "BadHeader"`,
		"GET / HTTX/1.1\r\n" + host + "\r\n":                                                               `400 "Severe" "BadVersion"`,
		"G[T / HTTP/1.1\r\n" + host + "\r\n":                                                               `400 "Severe" "BadMethod"`,
		"GET /\x01 HTTP/1.1\r\n" + host + "\r\n":                                                           `400 "Severe" "BadUri"`,
		"GET / HTTP/1.1\r\nA: " + strings.Repeat("x", maxField) + "\r\n" + host + "\r\n":                   `400 "-" "-"`,
	} {
		w := newWorld(t, func(w *world) {
			w.balancer.AccessLog = &balancer.AccessLog{Bucket: "logs"}
			w.listener.Rules = []balancer.Rule{{Action: balancer.Action{Fixed: &balancer.Fixed{Status: 200}}}}
		})
		w.say(request)
		var line string
		eventually(t, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			line = strings.Join(w.lines, "")
			return line != ""
		})
		words := strings.Fields(line)
		status, said := words[8], strings.Join(words[len(words)-3:len(words)-1], " ")
		if got := status + " " + said; got != want {
			t.Errorf("%.80q is logged as %s, want %s", request, got, want)
		}
	}
}
