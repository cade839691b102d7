package proxy

// What bytes may be where (RFC 9110, 5.6.2; RFC 9112, 3.2).
const (
	tokenByte   = 1 << iota
	targetByte  // of a request target: no space, no control
	oddByte     // in a value: a control or beyond ASCII
	badByte     // in a value: ends lines for some readers
	namedByte   // of a header name that routing.http.drop_invalid_header_fields.enabled leaves
	badBytes    = 2
	oddBytes    = 1
	tokenMarks  = "!#$%&'*+-.^_`|~"
	lettersNums = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// kinds says of every byte where it may be.
var kinds = func() (k [256]uint8) {
	for i := range k {
		switch {
		case i == 0 || i == '\r' || i == '\n':
			k[i] = badByte
		case i == '\t':
		case i < ' ' || i == 0x7f:
			k[i] = oddByte
		case i > 0x7f:
			k[i] = oddByte | targetByte
		case i > ' ':
			k[i] = targetByte
		}
	}
	for _, c := range []byte(tokenMarks + lettersNums) {
		k[c] |= tokenByte
	}
	for _, c := range []byte("-" + lettersNums) {
		k[c] |= namedByte
	}
	return k
}()

func all(b []byte, kind uint8) bool {
	for _, c := range b {
		if kinds[c]&kind == 0 {
			return false
		}
	}
	return len(b) > 0
}

func isToken(b []byte) bool  { return all(b, tokenByte) }
func isTarget(b []byte) bool { return all(b, targetByte) }
func isNamed(b []byte) bool  { return all(b, namedByte) }

// check looks at the bytes of a value: 0 when all are usual, oddBytes, or badBytes.
func check(value []byte) int {
	var seen uint8
	for _, c := range value {
		seen |= kinds[c]
	}
	switch {
	case seen&badByte != 0:
		return badBytes
	case seen&oddByte != 0:
		return oddBytes
	}
	return 0
}
