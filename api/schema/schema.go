// Package schema is the vocabulary in which the generated API packages
// describe themselves: services, operations, shapes and their constraints, as
// plain data. It holds no logic. The wire layer reads it to route, decode,
// check and encode; handlers only see the Go types that stand beside it.
package schema

// Protocol is one of AWS's wire protocols.
type Protocol string

// The wire protocols.
const (
	JSON10   Protocol = "json-1.0"    // awsJson1_0: X-Amz-Target and a JSON body
	JSON11   Protocol = "json-1.1"    // awsJson1_1: the same, older content type
	Query    Protocol = "query"       // form in, XML out
	EC2      Protocol = "ec2"         // form in, XML out, EC2's naming
	RESTJSON Protocol = "rest-json"   // method and path, JSON body
	RESTXML  Protocol = "rest-xml"    // method and path, XML body
	CBOR     Protocol = "rpc-v2-cbor" // Smithy RPC v2: path and a CBOR body
)

// Service describes one AWS service.
type Service struct {
	Package      string     // Go package and Berth's own name of it: "ecs"
	ID           string     // AWS service id: "CloudWatch Logs"
	Version      string     // API version: "2014-11-13"
	Protocols    []Protocol // all that are answered; the first is the one Berth's client speaks
	TargetPrefix string     // X-Amz-Target prefix and Smithy RPC service name
	SigningName  string     // service name in a SigV4 credential scope
	Namespace    string     // XML namespace of answers
	Invalid      string     // error code for a value that breaks a constraint
	Unsupported  string     // error code for a parameter that Berth does not act on yet
	UnsignedBody bool       // UNSIGNED-PAYLOAD is taken (S3)
	BareErrors   bool       // XML errors have no element around them (S3)

	Operations []Operation // every operation of the service, sorted by name
	Errors     []Exception // the errors that the generated operations declare, sorted by name
	Shapes     []Shape     // what the generated operations reach, sorted by name
}

// Operation describes one operation.
type Operation struct {
	Name     string
	Method   string // HTTP method of the REST protocols: "POST"
	URI      string // URI template of the REST protocols: "/schedules/{Name}"
	Status   int    // HTTP status of success when it is not 200
	Input    string // shape of the input; empty when there is none or it is not generated
	Output   string // shape of the output; likewise
	Wrapper  string // element around a query protocol's result
	Errors   []string
	ReadOnly bool // changes nothing: may be asked by GET where the protocol allows it
	Unsigned bool // AWS takes it without a signature
	Built    bool // types are generated for it
}

// Exception is a modelled error.
type Exception struct {
	Name   string // shape name, the code in JSON
	Code   string // code in XML protocols, when it differs
	Status int    // HTTP status
}

// Kind is what a shape holds.
type Kind uint8

// The kinds.
const (
	Structure Kind = iota
	List
	Map
	String
	Blob
	Boolean
	Integer // 32 bits
	Long    // 64 bits
	Float
	Double
	Timestamp
	Document // any JSON value
)

// Shape describes one type.
type Shape struct {
	Name      string
	Kind      Kind
	Members   []Member // of a structure, in the order of its Go fields
	Elem      *Member  // element of a list, value of a map
	Key       *Member  // key of a map
	Flat      bool     // XML and query: no element around the list or map
	Enum      []string // the values a string may take
	Limits    *Limits
	Sensitive bool   // its value stays out of errors and logs
	Payload   string // member that is the whole HTTP body (REST protocols)
	Format    string // timestamp format that overrides the protocol's: "iso8601", "rfc822", "unixTimestamp"
}

// Limits are a shape's constraints. Which of them bind depends on the kind:
// Min and Max are characters of a string, bytes of a blob, items of a list or
// map, or the value of a number.
type Limits struct {
	HasMin, HasMax bool
	Min, Max       float64
	Pattern        string // RE2 form; matches the whole string
	Text           string // the pattern as AWS writes it, when it differs
}

// Member is one member of a structure, or the element of a list or map.
type Member struct {
	Name      string // the model's name: the JSON key, and the base of the others
	Shape     string
	Required  bool
	Wire      string   // name in XML, headers, URIs and query strings, when it differs
	Query     string   // name in an EC2 query, when it differs
	In        Location // where it travels in the REST protocols
	Flat      bool     // XML and query: this list or map has no element around it
	Attribute bool     // XML: an attribute of its element
	Streaming bool     // REST: the body as a stream
	Format    string   // timestamp format that overrides the shape's
}

// Location is where a member travels in the REST protocols.
type Location uint8

// The locations.
const (
	Body Location = iota
	URI
	QueryString
	Header
	Headers // every header with the prefix Wire, as a map
	StatusCode
)

// Op ties an operation of a service to its Go types.
type Op[In, Out any] struct {
	Service *Service
	Name    string
}

// Empty is the input or output of an operation that has none.
type Empty struct{}
