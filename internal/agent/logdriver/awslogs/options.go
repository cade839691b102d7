package awslogs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// options are a container's awslogs options. Its mode and max-buffer-size concern the spool, and so the engine.
type options struct {
	group, region string
	createGroup   bool
	begins        *regexp.Regexp // the first line of an event of several; nil: a line is an event
}

// The options that ECS takes. Docker's driver has more, which ECS refuses.
var known = []string{"awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group", datetimeFormat, multilinePattern}

const (
	datetimeFormat   = "awslogs-datetime-format"
	multilinePattern = "awslogs-multiline-pattern"
)

// optionsOf reads the options, in the words of Docker's awslogs driver.
func optionsOf(s logdriver.Source) (o options, err error) {
	if err := logdriver.Check("awslogs", s.Options, known...); err != nil {
		return o, err
	}
	o.group, o.region = s.Options["awslogs-group"], s.Options["awslogs-region"]
	switch {
	case o.group == "":
		return o, fmt.Errorf("must specify a value for log opt '%s'", "awslogs-group")
	case o.region == "":
		return o, fmt.Errorf("must specify a value for log opt '%s'", "awslogs-region")
	}
	if text, ok := s.Options["awslogs-create-group"]; ok {
		if o.createGroup, err = strconv.ParseBool(text); err != nil {
			return o, fmt.Errorf("must specify valid value for log opt '%s': %v", "awslogs-create-group", err)
		}
	}
	o.begins, err = beginning(s.Options[datetimeFormat], s.Options[multilinePattern])
	return o, err
}

// beginning is what the first line of an event looks like.
func beginning(format, pattern string) (*regexp.Regexp, error) {
	name := multilinePattern
	switch {
	case format != "" && pattern != "":
		return nil, fmt.Errorf("you cannot configure log opt '%s' and '%s' at the same time", datetimeFormat, multilinePattern)
	case format != "":
		name, pattern = datetimeFormat, codePattern.ReplaceAllStringFunc(format, func(code string) string { return codes[code] })
	case pattern == "":
		return nil, nil
	}
	found, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("awslogs could not parse %s key %q: %w", name, pattern, err)
	}
	return found, nil
}

// codes are the parts of a date that awslogs-datetime-format knows, as regular expressions; what stands between them is one
// too. Docker's documentation of its awslogs driver lists them.
var codes = map[string]string{
	"%a": `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)`,
	"%A": `(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)`,
	"%w": `[0-6]`,
	"%d": `(?:0[1-9]|[12][0-9]|3[01])`,
	"%b": `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`,
	"%B": `(?:January|February|March|April|May|June|July|August|September|October|November|December)`,
	"%m": `(?:0[1-9]|1[0-2])`,
	"%Y": `[0-9]{4}`,
	"%y": `[0-9]{2}`,
	"%H": `(?:[01][0-9]|2[0-3])`,
	"%I": `(?:0[1-9]|1[0-2])`,
	"%p": `[AP]M`,
	"%M": `[0-5][0-9]`,
	"%S": `(?:[0-5][0-9]|60)`,
	"%L": `\.[0-9]{3}`,
	"%f": `[0-9]{6}`,
	"%z": `[+-][0-9]{4}`,
	"%Z": `[A-Z]{1,4}T`,
	"%j": `(?:00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])`,
}

var codePattern = regexp.MustCompile("%(?:" + letters() + ")")

func letters() (all string) {
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		all += "|" + code[1:]
	}
	return all[1:]
}

// streamOf is the stream's name. Where the definition gives no prefix it is not the container's id, as with Docker, for the stream
// is made before the container is.
func streamOf(s logdriver.Source) string {
	if s.Stream != "" {
		return s.Stream
	}
	return s.Task + "-" + s.Container
}
