package pattern

import "strings"

// terms parses words and "phrases": all of them must occur, those after a minus must not. When every term has a question
// mark one of them suffices; beside other terms those with a question mark count for nothing, as on AWS.
func (p *parser) terms() func(string) bool {
	var all, none, some []func(string) bool
	for ; !p.end() && !p.failed; p.space() {
		list := &all
		switch {
		case p.take("-"):
			list = &none
		case p.take("?"):
			list = &some
		}
		*list = append(*list, p.term())
	}
	return func(message string) bool {
		for _, match := range none {
			if match(message) {
				return false
			}
		}
		for _, match := range all {
			if !match(message) {
				return false
			}
		}
		if len(all)+len(none) > 0 {
			return true
		}
		for _, match := range some {
			if match(message) {
				return true
			}
		}
		return false
	}
}

func (p *parser) term() func(string) bool {
	var text string
	switch {
	case p.take("%"):
		return p.regex().MatchString
	case p.take(`"`):
		text = p.quoted('"')
	default:
		text = p.word(" \t\r\n\"{}[]()%&|")
	}
	if text == "" || !p.end() && !strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.fail()
	}
	return func(message string) bool { return strings.Contains(message, text) }
}
