package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func caCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "ca",
		Short: "Print the root of the certificates that Berth issues",
		Long: "Ca prints the root certificate, in PEM, of the authority that issues what is requested of AWS Certificate Manager here.\n" +
			"Clients that trust it take the certificates of HTTPS listeners. It is this Berth's own, lasts ten years and outlives\n" +
			"`berth reset`.\n\n" +
			"Whoever may call this Berth's API can have a certificate for any name: prefer to trust the root in one client (as below)\n" +
			"or a browser profile for development over the whole machine, and take it out again when you no longer need it.\n" +
			"Firefox: Settings, Certificates, View Certificates, Authorities, Import. Chrome and Edge: Settings, Security, Manage\n" +
			"certificates. A Mac: add it to Keychain Access and have it trusted for SSL. NODE_EXTRA_CA_CERTS=FILE is for Node,\n" +
			"SSL_CERT_FILE=FILE for Go and OpenSSL, REQUESTS_CA_BUNDLE=FILE for Python's requests.",
		Example: `  berth ca > berth-ca.pem
  curl --cacert berth-ca.pem https://...
  # All of a Debian or Ubuntu, a Fedora:
  berth ca | sudo tee /usr/local/share/ca-certificates/berth.crt && sudo update-ca-certificates
  berth ca | sudo tee /etc/pki/ca-trust/source/anchors/berth.pem && sudo update-ca-trust`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			authority, err := t.operator.Authority(cmd.Context())
			if err != nil {
				return err
			}
			if flags.output == "json" {
				return writeJSON(cmd.OutOrStdout(), authority)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), authority.Certificate)
			return err
		},
	}
}
