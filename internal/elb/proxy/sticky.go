package proxy

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"net/http"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// The cookies by which clients keep their target and their group. Those with CORS at the end are the same for requests
// from other sites.
const (
	targetCookie = "AWSALB"
	groupCookie  = "AWSALBTG"
	appCookie    = "AWSALBAPP-0"
	cors         = "CORS"
)

// appCookieLife is for how long the client keeps AWSALBAPP-0, whatever the group's stickiness.
const appCookieLife = 7 * 24 * time.Hour

// jar seals and opens the cookies. What they hold is of no use to a client, and cannot be made by one.
type jar struct{ aead cipher.AEAD }

// newJar makes a jar with a key of any length; without one, with a key of its own.
func newJar(key []byte) jar {
	if len(key) == 0 {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails
	}
	sum := sha256.Sum256(key)
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		panic(err) // of a key of another length
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // of a cipher of another block size
	}
	return jar{aead}
}

// seal makes a cookie's value of when it ends and what it says.
func (j jar) seal(name string, ends time.Time, says []byte) string {
	nonce := make([]byte, j.aead.NonceSize(), j.aead.NonceSize()+8+len(says)+j.aead.Overhead())
	_, _ = rand.Read(nonce)
	plain := append(binary.BigEndian.AppendUint64(nil, uint64(ends.Unix())), says...)
	return base64.RawStdEncoding.EncodeToString(j.aead.Seal(nonce, nonce, plain, []byte(name)))
}

// open is what a cookie says that was sealed under that name and has not ended; nil otherwise.
func (j jar) open(name string, value []byte, now time.Time) []byte {
	sealed, err := base64.RawStdEncoding.AppendDecode(nil, value)
	if err != nil || len(sealed) < j.aead.NonceSize() {
		return nil
	}
	n := j.aead.NonceSize()
	plain, err := j.aead.Open(nil, sealed[:n], sealed[n:], []byte(name))
	if err != nil || len(plain) < 8 || now.Unix() >= int64(binary.BigEndian.Uint64(plain)) {
		return nil
	}
	return plain[8:]
}

// choose decides on the group, and on the target that the client is to keep if there is one. A status other than 0 is the
// answer when there is none.
func (x *exchange) choose(f *balancer.Forward) (target.Want, int) {
	want := target.Want{Zone: x.at.Zone, CrossZone: true, Source: x.req.client.Addr()}
	arn := ""
	if f.Sticky > 0 && len(f.Groups) > 1 {
		if kept := x.opened(groupCookie); kept != nil {
			for _, g := range f.Groups {
				if bytes.Equal(kept, fingerprint(g.Group)) && x.rule.shares.has(g.Group) {
					arn = g.Group
				}
			}
		}
	}
	if arn == "" {
		arn = x.rule.shares.choose()
	}
	x.record.group = arn
	if arn != "" {
		x.group = x.proxy.config.Groups.Group(arn)
	}
	if arn == "" || x.group == nil {
		return want, 503
	}
	if status := x.incompatible(x.group.Spec()); status != 0 {
		return want, status
	}
	switch kind := x.group.Spec().Stickiness; kind.Kind {
	case "lb_cookie":
		want.Sticky = x.keptTarget(targetCookie)
	case "app_cookie":
		if _, ok := x.req.cookie(kind.Cookie); ok {
			want.Sticky = x.keptTarget(appCookie)
		}
	}
	x.kept = want.Sticky
	return want, 0
}

// opened is what a cookie of the load balancer's says, or its twin for other sites.
func (x *exchange) opened(name string) []byte {
	now := time.Now()
	for _, n := range []string{name, name + cors} {
		if value, ok := x.req.cookie(n); ok {
			if says := x.proxy.jar.open(name, value, now); says != nil {
				return says
			}
		}
	}
	return nil
}

func (x *exchange) keptTarget(name string) balancer.TargetKey {
	says := x.opened(name)
	mark := fingerprint(x.group.Spec().ARN)
	if len(says) < len(mark)+2 || !bytes.Equal(says[:len(mark)], mark) {
		return balancer.TargetKey{}
	}
	says = says[len(mark):]
	return balancer.TargetKey{ID: string(says[2:]), Port: binary.BigEndian.Uint16(says)}
}

// fingerprint stands for a group's ARN in cookies.
func fingerprint(arn string) []byte {
	h := fnv.New64a()
	_, _ = h.Write([]byte(arn))
	return h.Sum(nil)
}

// stick adds the cookies by which the client stays with the group and the target that it got. app says that the target has
// set the application's cookie.
func (x *exchange) stick(t balancer.TargetKey, app bool) {
	x.reply.added = x.reply.added[:0]
	if f := x.rule.Action.Forward; f.Sticky > 0 && len(f.Groups) > 1 {
		x.bake(groupCookie, f.Sticky, f.Sticky, fingerprint(x.group.Spec().ARN), true)
	}
	kind := x.group.Spec().Stickiness
	says := func() []byte {
		return append(binary.BigEndian.AppendUint16(fingerprint(x.group.Spec().ARN), t.Port), t.ID...)
	}
	switch {
	case kind.Kind == "lb_cookie":
		x.bake(targetCookie, kind.For, kind.For, says(), true)
	case kind.Kind == "app_cookie" && (app || x.kept == t):
		x.bake(appCookie, kind.For, appCookieLife, says(), false)
	}
}

// bake adds a cookie to the reply that sticks for one time and is kept by the client for another.
func (x *exchange) bake(name string, sticks, kept time.Duration, says []byte, twin bool) {
	now := time.Now()
	tail := "=" + x.proxy.jar.seal(name, now.Add(sticks), says) + "; Expires=" + now.Add(kept).UTC().Format(http.TimeFormat) + "; Path=/"
	x.reply.added = append(append(append(append(x.reply.added, "Set-Cookie: "...), name...), tail...), crlf...)
	if twin {
		tail += "; SameSite=None"
		if x.setup.secure {
			tail += "; Secure"
		}
		x.reply.added = append(append(append(append(append(x.reply.added, "Set-Cookie: "...), name...), cors...), tail...), crlf...)
	}
}

// sets is whether a response sets that cookie.
func (h *head) sets(name string) bool {
	for i := range h.fields {
		if f := &h.fields[i]; f.known == setCookie {
			if key, _, ok := bytes.Cut(h.value(f), []byte("=")); ok && string(trim(key)) == name {
				return true
			}
		}
	}
	return false
}

// cookie is the value of a cookie that the client sent.
func (r *request) cookie(name string) ([]byte, bool) {
	for i := range r.fields {
		if r.fields[i].known != cookie {
			continue
		}
		for list := r.value(&r.fields[i]); len(list) > 0; {
			var pair []byte
			pair, list, _ = bytes.Cut(list, []byte(";"))
			if key, value, ok := bytes.Cut(trim(pair), []byte("=")); ok && string(key) == name {
				return value, true
			}
		}
	}
	return nil, false
}

// incompatible is the status for a request by a version of HTTP that the group's targets don't speak: 464; otherwise 0.
func (x *exchange) incompatible(g *balancer.Group) int {
	switch g.Version {
	case balancer.HTTP2:
		if x.req.version != 2 {
			return 464
		}
	case balancer.GRPC:
		if x.req.version != 2 || string(x.req.method) != "POST" {
			return 464
		}
	}
	return 0
}
