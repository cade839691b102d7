package query

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Parse reads an expression. Its errors say what is wrong and where.
func Parse(text string) (*Expr, error) {
	switch {
	case !utf8.ValidString(text):
		return nil, fmt.Errorf("it is not UTF-8")
	case utf8.RuneCountInString(text) > maxLength:
		return nil, fmt.Errorf("it is longer than %d characters", maxLength)
	}
	p := &parser{lexer: lexer{text: text}, fixed: true}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.kind == end {
		return nil, fmt.Errorf("it is empty")
	}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.token.kind != end {
		return nil, p.unexpected("and, or")
	}
	return &Expr{text: text, root: root, fixed: p.fixed}, nil
}

// parser is a recursive descent parser that looks one token ahead.
type parser struct {
	lexer
	token token
	depth int
	fixed bool // see Expr
}

func (p *parser) advance() (err error) {
	p.token, err = p.next()
	return err
}

func (p *parser) unexpected(wanted string) error {
	return fmt.Errorf("at character %d there is %s where %s should be", p.token.at+1, p.token, wanted)
}

// is tells whether the present token is one of these operators or keywords.
func (p *parser) is(texts ...string) bool {
	return p.token.kind != quoted && p.token.kind != end && slices.Contains(texts, p.token.text)
}

func (p *parser) or() (node, error) {
	left, err := p.and()
	for err == nil && p.is("or", "||") {
		var right node
		if err = p.advance(); err == nil {
			right, err = p.and()
		}
		left = or{left, right}
	}
	return left, err
}

func (p *parser) and() (node, error) {
	left, err := p.not()
	for err == nil && p.is("and", "&&") {
		var right node
		if err = p.advance(); err == nil {
			right, err = p.not()
		}
		left = and{left, right}
	}
	return left, err
}

func (p *parser) not() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	switch {
	case p.is("not", "!"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		of, err := p.not()
		return not{of}, err
	case p.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		if !p.is(")") {
			return nil, p.unexpected(`")"`)
		}
		return inner, p.advance()
	}
	return p.condition()
}

// operators are the operators by all their names.
var operators = map[string]operator{
	"==": {compare: equal}, "equals": {compare: equal},
	"!=": {compare: equal, negated: true}, "not_equals": {compare: equal, negated: true},
	">": {compare: greater}, "greater_than": {compare: greater},
	">=": {compare: greaterEqual}, "greater_than_equal": {compare: greaterEqual},
	"<": {compare: less}, "less_than": {compare: less},
	"<=": {compare: lessEqual}, "less_than_equal": {compare: lessEqual},
	"exists":     {compare: exists},
	"not_exists": {compare: exists, negated: true}, "!exists": {compare: exists, negated: true},
	"in":     {compare: in},
	"not_in": {compare: in, negated: true}, "!in": {compare: in, negated: true},
	"=~": {compare: match}, "matches": {compare: match},
	"!~": {compare: match, negated: true}, "not_matches": {compare: match, negated: true},
}

type operator struct {
	compare comparison
	negated bool
}

type comparison int

const (
	equal comparison = iota
	greater
	greaterEqual
	less
	lessEqual
	exists
	in
	match
)

// condition is a subject, an operator, and its argument.
func (p *parser) condition() (node, error) {
	if p.token.kind != word {
		return nil, p.unexpected("a subject")
	}
	name := p.token.text
	s, err := subjectOf(name)
	if err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	text, at := p.token.text, p.token
	if p.is("!") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		text += p.token.text
	}
	op, ok := operators[text]
	if !ok || p.token.kind == quoted {
		p.token = at
		return nil, p.unexpected("an operator")
	}
	if !slices.Contains(s.takes, op.compare) {
		return nil, fmt.Errorf("the operator %s is not valid for %s", text, name)
	}
	arguments, err := p.arguments(op.compare)
	if err != nil {
		return nil, err
	}
	test, err := s.test(op.compare, arguments)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p.fixed = p.fixed && s.fixed
	return condition{op.negated, test}, nil
}

// arguments takes those that the operator, which is the present token, asks for.
func (p *parser) arguments(c comparison) (values []string, err error) {
	if c == match {
		if p.token, err = p.pattern(); err != nil {
			return nil, err
		}
		return p.value(nil)
	}
	if err := p.advance(); err != nil || c == exists {
		return nil, err
	}
	if c != in {
		return p.value(nil)
	}
	if !p.is("[") {
		return nil, p.unexpected(`"["`)
	}
	for {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if values, err = p.value(values); err != nil {
			return nil, err
		}
		if p.is("]") {
			return values, p.advance()
		}
		if !p.is(",") {
			return nil, p.unexpected(`"," or "]"`)
		}
	}
}

// value takes one value.
func (p *parser) value(before []string) ([]string, error) {
	if p.token.kind != word && p.token.kind != quoted {
		return nil, p.unexpected("a value")
	}
	return append(before, p.token.text), p.advance()
}
