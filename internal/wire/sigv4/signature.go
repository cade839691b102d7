// Package sigv4 verifies AWS Signature Version 4 on requests that arrive, in
// the Authorization header or in the query string (presigned). It knows no
// keys and no services: the caller looks up the secret of the access key that
// a request names, and decides which scopes it takes.
package sigv4

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Algorithm is the only one that is taken.
const Algorithm = "AWS4-HMAC-SHA256"

// UnsignedPayload stands for the body's hash when a client leaves its body out
// of the signature.
const UnsignedPayload = "UNSIGNED-PAYLOAD"

// TimeFormat is that of X-Amz-Date.
const TimeFormat = "20060102T150405Z"

// MaxExpiry is the longest that a presigned request may be good for.
const MaxExpiry = 7 * 24 * time.Hour

// Scope is what a signing key is good for.
type Scope struct {
	Date    string // YYYYMMDD
	Region  string
	Service string
}

func (s Scope) String() string { return s.Date + "/" + s.Region + "/" + s.Service + "/aws4_request" }

// Signature is what a request says about its signature. Nothing of it is
// proven before Verify.
type Signature struct {
	AccessKeyID  string
	Scope        Scope
	Time         time.Time
	Expires      time.Duration // of a presigned request
	Presigned    bool
	SessionToken string
	Unsigned     bool // the client left the body out: UNSIGNED-PAYLOAD

	signedHeaders []string // lower case, sorted as signed
	signature     [32]byte
}

// Reason is why a request is refused.
type Reason int

// The reasons.
const (
	Missing    Reason = iota // there is no signature
	Incomplete               // a part of it is missing or unreadable
	Invalid                  // its scope is not for this
	Expired                  // it is too old
	Early                    // it is from the future
	Mismatch                 // it is not the signature of this request
)

// Error is a refusal. Message is AWS's text for it.
type Error struct {
	Reason  Reason
	Message string
}

func (e *Error) Error() string { return e.Message }

func refuse(r Reason, message string) error { return &Error{r, message} }

// Parse reads a request's signature. Whether it is presigned is seen by
// X-Amz-Algorithm or X-Amz-Signature in its query string.
func Parse(r *http.Request) (*Signature, error) {
	header, inHeader := r.Header["Authorization"]
	presigned := strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm=") || strings.Contains(r.URL.RawQuery, "X-Amz-Signature=")
	switch {
	case inHeader && presigned:
		return nil, refuse(Incomplete, "A request is signed in its Authorization header or in its query string, not in both.")
	case inHeader && len(header) == 1:
		return parseHeader(r, header[0])
	case inHeader:
		return nil, refuse(Incomplete, "The request has more than one Authorization header.")
	case presigned:
		return parseQuery(r)
	}
	return nil, refuse(Missing, "Missing Authentication Token")
}

// Signs reports whether the signature covers a header, given in lower case. The
// others may be anybody's.
func (s *Signature) Signs(header string) bool { return slices.Contains(s.signedHeaders, header) }

func parseHeader(r *http.Request, header string) (*Signature, error) {
	algorithm, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if algorithm != Algorithm {
		if !strings.HasPrefix(algorithm, "AWS4-") {
			return nil, refuse(Missing, "Missing Authentication Token")
		}
		return nil, refuse(Incomplete, "Unsupported AWS 'algorithm': '"+clip(algorithm)+"'.")
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := parts[name]; !ok || twice {
			return nil, refuse(Incomplete, "'"+clip(part)+"' not a valid key=value pair (missing equal-sign) in Authorization header.")
		}
		parts[name] = value
	}
	var missing []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parts[name] == "" {
			missing = append(missing, "Authorization header requires '"+name+"' parameter.")
		}
	}
	date := one(r.Header, "X-Amz-Date")
	if date == "" {
		date = one(r.Header, "Date")
	}
	if date == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if missing != nil {
		return nil, refuse(Incomplete, strings.Join(missing, " "))
	}
	s := &Signature{
		SessionToken: one(r.Header, "X-Amz-Security-Token"),
		Unsigned:     one(r.Header, "X-Amz-Content-Sha256") == UnsignedPayload,
	}
	if err := s.read(parts["Credential"], parts["SignedHeaders"], parts["Signature"], date); err != nil {
		return nil, err
	}
	// A header that changes what is signed has to be signed itself.
	s.Unsigned = s.Unsigned && s.Signs("x-amz-content-sha256")
	return s, nil
}

func parseQuery(r *http.Request) (*Signature, error) {
	q := map[string]string{}
	for _, p := range params(r.URL.RawQuery) {
		if _, twice := q[p.name]; twice && strings.HasPrefix(p.name, "X-Amz-") {
			return nil, refuse(Incomplete, "The query string has '"+clip(p.name)+"' more than once.")
		}
		q[p.name] = p.value
	}
	var missing []string
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if q[name] == "" {
			missing = append(missing, "AWS query-string parameters must include '"+name+"'.")
		}
	}
	if missing != nil {
		return nil, refuse(Incomplete, strings.Join(missing, " ")+" Re-examine the query-string parameters.")
	}
	if q["X-Amz-Algorithm"] != Algorithm {
		return nil, refuse(Incomplete, "Unsupported AWS 'algorithm': '"+clip(q["X-Amz-Algorithm"])+"'.")
	}
	s := &Signature{
		Presigned: true, Expires: 15 * time.Minute,
		SessionToken: q["X-Amz-Security-Token"],
		Unsigned:     q["X-Amz-Content-Sha256"] == UnsignedPayload,
	}
	if v, ok := q["X-Amz-Expires"]; ok {
		seconds, err := strconv.Atoi(v)
		if err != nil || seconds < 0 || seconds > int(MaxExpiry/time.Second) {
			return nil, refuse(Incomplete, "X-Amz-Expires must be a number of seconds between 0 and 604800.")
		}
		s.Expires = time.Duration(seconds) * time.Second
	}
	return s, s.read(q["X-Amz-Credential"], q["X-Amz-SignedHeaders"], q["X-Amz-Signature"], q["X-Amz-Date"])
}

// read fills in what header and query string have in common.
func (s *Signature) read(credential, signedHeaders, signature, date string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return refuse(Incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '"+clip(credential)+"'")
	}
	if slices.Contains(parts[:4], "") {
		return refuse(Incomplete, "Credential must not have an empty element, got '"+clip(credential)+"'")
	}
	if parts[4] != "aws4_request" {
		return refuse(Invalid, "Credential should be scoped with a valid terminator: 'aws4_request', not '"+clip(parts[4])+"'.")
	}
	s.AccessKeyID, s.Scope = parts[0], Scope{parts[1], parts[2], parts[3]}

	s.signedHeaders = strings.Split(strings.ToLower(signedHeaders), ";")
	if !s.Signs("host") {
		return refuse(Incomplete, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if n, err := hex.Decode(s.signature[:], []byte(fit(signature, 64))); err != nil || n != 32 {
		return refuse(Mismatch, mismatchText)
	}
	var err error
	if s.Time, err = time.Parse(TimeFormat, date); err != nil {
		if s.Time, err = http.ParseTime(date); err != nil {
			return refuse(Incomplete, "Date must be in ISO-8601 'basic format'. Got '"+clip(date)+"'. See http://en.wikipedia.org/wiki/ISO_8601")
		}
	}
	s.Time = s.Time.UTC()
	if day := s.Time.Format("20060102"); s.Scope.Date != day {
		return refuse(Invalid, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+
			clip(s.Scope.Date)+"' != '"+day+"', from '"+s.Time.Format(TimeFormat)+"'.")
	}
	return nil
}

// CheckTime refuses a signature that is too old or from the future: more than
// skew away from now, or, presigned, past its expiry.
func (s *Signature) CheckTime(now time.Time, skew time.Duration) error {
	now = now.UTC()
	allowed := skew
	if s.Presigned {
		allowed = s.Expires
	}
	if limit := now.Add(-allowed); s.Time.Before(limit.Truncate(time.Second)) {
		return refuse(Expired, "Signature expired: "+s.Time.Format(TimeFormat)+" is now earlier than "+
			limit.Format(TimeFormat)+" ("+now.Format(TimeFormat)+" - "+period(allowed)+".)")
	}
	if limit := now.Add(skew); s.Time.After(limit) {
		return refuse(Early, "Signature not yet current: "+s.Time.Format(TimeFormat)+" is still later than "+
			limit.Format(TimeFormat)+" ("+now.Format(TimeFormat)+" + "+period(skew)+".)")
	}
	return nil
}

// period is a duration as AWS writes it: "5 min", "90 sec".
func period(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + " min"
	}
	return strconv.Itoa(int(d/time.Second)) + " sec"
}

// one is a header's value when there is exactly one.
func one(h http.Header, name string) string {
	if v := h[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// fit is s when it has n bytes, else nothing.
func fit(s string, n int) string {
	if len(s) != n {
		return ""
	}
	return s
}

// clip keeps what an error repeats of a request short.
func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "..."
	}
	return s
}
