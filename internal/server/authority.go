package server

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/berth-dev/berth/internal/operator"
)

// authority is the certificate authority as its owner is told of it.
func (s *Server) authority() (operator.Authority, error) {
	root, err := s.ACM.Root()
	if err != nil {
		return operator.Authority{}, err
	}
	var pairs []string
	for _, b := range sha256.Sum256(root.Raw) {
		pairs = append(pairs, fmt.Sprintf("%02X", b))
	}
	return operator.Authority{
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})),
		Subject:     root.Subject.String(), Fingerprint: strings.Join(pairs, ":"), NotAfter: root.NotAfter,
	}, nil
}
