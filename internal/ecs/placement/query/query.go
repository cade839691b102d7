// Package query is ECS's cluster query language: expressions that select container instances, as in the filter of
// ListContainerInstances and in memberOf placement constraints. It is pure. Packages ecs and placement call it.
//
//	or      = and { ("or" | "||") and }
//	and     = not { ("and" | "&&") not }
//	not     = ("not" | "!") not | "(" or ")" | subject operator [ argument ]
//
// The operators, subjects and forms of arguments are those of the developer guide's page "cluster query language".
// Arguments are single words or in quotes. Regular expressions match the whole value; they are RE2's, which has Java's
// syntax without backreferences and lookaround.
package query

// Subject is the container instance that an expression is asked of.
type Subject interface {
	// Attribute is the value of an attribute, empty for one that is only a name, and whether it is there.
	Attribute(name string) (value string, ok bool)
	AgentConnected() bool
	AgentVersion() string // "1.105.1"; empty when unknown
	EC2InstanceID() string
	RegisteredAt() int64 // seconds since 1970
	RunningTasks() int
	// RunsGroup tells whether a task of a group is on the instance, InGroups whether one is whose group is one of g's.
	RunsGroup(name string) bool
	InGroups(g *Groups) bool
}

// Groups are those task groups whose names pass a test. What it says of a name it says always.
type Groups struct{ test func(name string) bool }

// Has tells whether a group is one of them. It may cost a regular expression.
func (g *Groups) Has(name string) bool { return g.test(name) }

// Bounds of an expression.
const (
	maxLength = 2000 // characters; the constraint's own limit in the API
	maxDepth  = 50   // of parentheses and nots
)

// Expr is an expression. It is immutable.
type Expr struct {
	text string
	root node
	// fixed: it asks for attributes alone.
	fixed bool
}

// String is the text that the expression was parsed from.
func (e *Expr) String() string { return e.text }

// Matches tells whether the expression selects the subject.
func (e *Expr) Matches(s Subject) bool { return e.root.matches(s) }

// AttributesOnly tells whether attributes alone decide: subjects with the same attributes get the same answer.
func (e *Expr) AttributesOnly() bool { return e.fixed }

// node is a part of an expression.
type node interface{ matches(Subject) bool }

type (
	and       struct{ left, right node }
	or        struct{ left, right node }
	not       struct{ of node }
	condition struct {
		negated bool // as !=, !in, !~ and !exists are of ==, in, =~ and exists
		test    func(Subject) bool
	}
)

func (n and) matches(s Subject) bool       { return n.left.matches(s) && n.right.matches(s) }
func (n or) matches(s Subject) bool        { return n.left.matches(s) || n.right.matches(s) }
func (n not) matches(s Subject) bool       { return !n.of.matches(s) }
func (n condition) matches(s Subject) bool { return n.test(s) != n.negated }
