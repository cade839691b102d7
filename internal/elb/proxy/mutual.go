package proxy

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
)

// encodedPEM writes certificates as a header can have them: PEM in URL encoding, in which + = and / stand as they are.
func encodedPEM(certificates []*x509.Certificate) string {
	var text strings.Builder
	for _, c := range certificates {
		for _, b := range pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) {
			switch b {
			case '\n':
				text.WriteString("%0A")
			case ' ':
				text.WriteString("%20")
			default:
				text.WriteByte(b)
			}
		}
	}
	return text.String()
}

// printable leaves of a name what may stand in a header.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
}
