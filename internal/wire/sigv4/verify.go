package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"sync"
)

const mismatchText = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// buffers holds canonical requests in the making.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// Verify reports whether the signature is that of the request under the
// signing key. payloadHash is the hex SHA-256 of the body, or UnsignedPayload
// where the service takes that.
func (s *Signature) Verify(r *http.Request, payloadHash string, key []byte) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	// S3 alone signs its paths as they are: a key may hold any character.
	request := s.canonical((*buf)[:0], r, payloadHash, s.Scope.Service != "s3")
	*buf = request[:0]
	sum := sha256.Sum256(request)

	text := make([]byte, 0, 192)
	text = append(text, Algorithm+"\n"...)
	text = s.Time.AppendFormat(text, TimeFormat)
	text = append(text, '\n')
	text = append(text, s.Scope.String()...)
	text = append(text, '\n')
	text = hex.AppendEncode(text, sum[:])

	want := hmacSHA256(key, text)
	if subtle.ConstantTimeCompare(want, s.signature[:]) != 1 {
		return refuse(Mismatch, mismatchText)
	}
	return nil
}

// PayloadHash is the hash of a body as it enters the canonical request.
func PayloadHash(body []byte) string {
	if len(body) == 0 {
		return "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func hmacSHA256(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// derive makes the signing key of a secret for a scope: four HMACs.
func derive(secret string, s Scope) []byte {
	key := hmacSHA256([]byte("AWS4"+secret), []byte(s.Date))
	key = hmacSHA256(key, []byte(s.Region))
	key = hmacSHA256(key, []byte(s.Service))
	return hmacSHA256(key, []byte("aws4_request"))
}
