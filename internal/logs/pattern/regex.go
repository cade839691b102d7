package pattern

import (
	"regexp"
	"strings"
)

// matchNothing stands for a regular expression that could not be read.
var matchNothing = regexp.MustCompile(`$.^`)

// regex takes the rest of a %regular expression%, the first percent sign of which is taken already. Only the characters that
// AWS allows may stand in it; \% is a percent sign.
func (p *parser) regex() *regexp.Regexp {
	start := p.at
	for ; p.at < len(p.text) && p.text[p.at] != '%'; p.at++ {
		if p.text[p.at] == '\\' {
			p.at++
		}
	}
	if p.regexes++; p.at >= len(p.text) || p.regexes > maxRegexes {
		p.at = len(p.text)
		p.fail()
		return matchNothing
	}
	text := p.text[start:p.at]
	p.at++
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(":_#=@/;,-^$?[]{}|*+. ", c) >= 0:
		default:
			p.fail()
			return matchNothing
		}
	}
	expression, err := regexp.Compile(strings.ReplaceAll(text, `\%`, "%"))
	if err != nil || text == "" {
		p.fail()
		return matchNothing
	}
	return expression
}
