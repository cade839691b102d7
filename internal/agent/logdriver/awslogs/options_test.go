package awslogs

import (
	"testing"
)

func TestWhatEventsBeginWith(t *testing.T) {
	for _, c := range []struct {
		format, pattern string
		begins, goesOn  []string
	}{
		{"", "^INFO", []string{"INFO x"}, []string{" INFO", "x"}},
		{`\[%b %d, %Y %H:%M:%S\]`, "", []string{"[May 01, 2017 19:00:01] x"}, []string{"May 01, 2017 19:00:01", "[May 32, 2017 19:00:01]", "[May 01, 2017 24:00:01]"}},
		{"%Y-%m-%dT%H:%M:%S%L%z", "", []string{"2026-12-31T23:59:60.123+0100 x"}, []string{"2026-13-31T23:59:59.123+0100", "2026-12-31T23:59:59+0100"}},
		{"%a %B %y %I%p %f %Z %j %w %A", "", []string{"Mon May 26 12PM 123456 CEST 366 6 Sunday"}, []string{"Mon May 26 13PM 123456 CEST 366 6 Sunday", "Mon May 26 12PM 123456 CEST 367 6 Sunday"}},
		{"100%% %d", "", []string{"100%% 01"}, []string{"100% 01"}},
	} {
		begins, err := beginning(c.format, c.pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, line := range c.begins {
			if !begins.MatchString(line) {
				t.Errorf("%s%s does not find %q (%s)", c.format, c.pattern, line, begins)
			}
		}
		for _, line := range c.goesOn {
			if begins.MatchString(line) {
				t.Errorf("%s%s finds %q (%s)", c.format, c.pattern, line, begins)
			}
		}
	}
	if begins, err := beginning("", ""); begins != nil || err != nil {
		t.Errorf("%v, %v", begins, err)
	}
}
