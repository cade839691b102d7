package balancer

import "crypto/tls"

// Policy is a security policy of Elastic Load Balancing: which versions and ciphers of TLS a listener speaks. Of AWS's ciphers it has
// those that crypto/tls does.
type Policy struct {
	Name     string
	Versions []string // "TLSv1.2", the lowest first
	Ciphers  []Cipher // in order of priority
}

// Cipher is a cipher suite, by OpenSSL's name, which AWS uses, and IANA's number.
type Cipher struct {
	Name string
	ID   uint16
}

// PolicyOf is the policy of that name; false when there is none.
func PolicyOf(name string) (Policy, bool) {
	for _, p := range Policies {
		if p.Name == name {
			return p, true
		}
	}
	return Policy{}, false
}

// Apply has a configuration speak what the policy allows.
func (p Policy) Apply(config *tls.Config) {
	config.MinVersion, config.MaxVersion = versions[p.Versions[0]], versions[p.Versions[len(p.Versions)-1]]
	config.CipherSuites = nil
	for _, c := range p.Ciphers {
		config.CipherSuites = append(config.CipherSuites, c.ID) // those of TLS 1.3 are not asked
	}
}

var versions = map[string]uint16{
	"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
}

var (
	tls13 = []Cipher{{"TLS_AES_128_GCM_SHA256", tls.TLS_AES_128_GCM_SHA256}, {"TLS_AES_256_GCM_SHA384", tls.TLS_AES_256_GCM_SHA384},
		{"TLS_CHACHA20_POLY1305_SHA256", tls.TLS_CHACHA20_POLY1305_SHA256}}
	// With forward secrecy: authenticated, and with SHA-256 and SHA-1.
	gcm = []Cipher{{"ECDHE-ECDSA-AES128-GCM-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		{"ECDHE-RSA-AES128-GCM-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		{"ECDHE-ECDSA-AES256-GCM-SHA384", tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
		{"ECDHE-RSA-AES256-GCM-SHA384", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}
	sha2 = []Cipher{{"ECDHE-ECDSA-AES128-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256},
		{"ECDHE-RSA-AES128-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256}}
	sha1 = []Cipher{{"ECDHE-ECDSA-AES128-SHA", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}, {"ECDHE-RSA-AES128-SHA", tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA},
		{"ECDHE-RSA-AES256-SHA", tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}, {"ECDHE-ECDSA-AES256-SHA", tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}}
	// Without it.
	rsaSHA2 = []Cipher{{"AES128-GCM-SHA256", tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, {"AES128-SHA256", tls.TLS_RSA_WITH_AES_128_CBC_SHA256},
		{"AES256-GCM-SHA384", tls.TLS_RSA_WITH_AES_256_GCM_SHA384}}
	rsaSHA1 = []Cipher{{"AES128-SHA", tls.TLS_RSA_WITH_AES_128_CBC_SHA}, {"AES256-SHA", tls.TLS_RSA_WITH_AES_256_CBC_SHA}}

	forwardSecret = join(gcm, sha2, sha1)
	all           = join(gcm, sha2, sha1, rsaSHA2, rsaSHA1)
)

func join(sets ...[]Cipher) (joined []Cipher) {
	for _, set := range sets {
		joined = append(joined, set...)
	}
	return joined
}

var (
	from10 = []string{"TLSv1", "TLSv1.1", "TLSv1.2"}
	from11 = []string{"TLSv1.1", "TLSv1.2"}
	only12 = []string{"TLSv1.2"}
	only13 = []string{"TLSv1.3"}
	with13 = []string{"TLSv1.2", "TLSv1.3"}
)

// DefaultPolicy is the policy of a listener that was made without.
const DefaultPolicy = "ELBSecurityPolicy-2016-08"

// Policies are all that a listener can have. Those whose names have PQ offer key exchanges that resist quantum computers, as all with
// TLS 1.3 do here.
var Policies = []Policy{
	{"ELBSecurityPolicy-TLS13-1-3-2021-06", only13, tls13},
	{"ELBSecurityPolicy-TLS13-1-3-PQ-2025-09", only13, tls13},
	{"ELBSecurityPolicy-TLS13-1-2-2021-06", with13, join(tls13, gcm, sha2)},
	{"ELBSecurityPolicy-TLS13-1-2-PQ-2025-09", with13, join(tls13, gcm, sha2)},
	{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", with13, join(tls13, gcm)},
	{"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", with13, join(tls13, gcm)},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", with13, join(tls13, gcm, sha2, rsaSHA2)},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09", with13, join(tls13, gcm, sha2, rsaSHA2)},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", with13, join(tls13, all)},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-PQ-2025-09", with13, join(tls13, all)},
	{"ELBSecurityPolicy-TLS13-1-1-2021-06", append(from11[:2:2], "TLSv1.3"), join(tls13, all)},
	{"ELBSecurityPolicy-TLS13-1-0-2021-06", append(from10[:3:3], "TLSv1.3"), join(tls13, all)},
	{"ELBSecurityPolicy-TLS13-1-0-PQ-2025-09", append(from10[:3:3], "TLSv1.3"), join(tls13, all)},
	{"ELBSecurityPolicy-TLS-1-2-Ext-2018-06", only12, all},
	{"ELBSecurityPolicy-TLS-1-2-2017-01", only12, join(gcm, sha2, rsaSHA2)},
	{"ELBSecurityPolicy-TLS-1-1-2017-01", from11, all},
	{DefaultPolicy, from10, all},
	{"ELBSecurityPolicy-FS-1-2-Res-2020-10", only12, gcm},
	{"ELBSecurityPolicy-FS-1-2-Res-2019-08", only12, join(gcm, sha2)},
	{"ELBSecurityPolicy-FS-1-2-2019-08", only12, forwardSecret},
	{"ELBSecurityPolicy-FS-1-1-2019-08", from11, forwardSecret},
	{"ELBSecurityPolicy-FS-2018-06", from10, forwardSecret},
}
