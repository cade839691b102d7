package logdriver

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	units "github.com/docker/go-units"
)

// delivery are the options that every driver has: what becomes of lines that it does not take at once.
var delivery = []string{"mode", "max-buffer-size"}

// tagging are the options that most drivers have.
var tagging = []string{"env", "env-regex", "labels", "labels-regex", "tag"}

// Check says which option a driver doesn't know, and what is wrong with those that all have, in the words of Docker. known are
// the driver's own.
func Check(driver string, options map[string]string, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(known, name) && !slices.Contains(delivery, name) {
			return fmt.Errorf("unknown log opt '%s' for %s log driver", name, driver)
		}
	}
	switch mode := options["mode"]; mode {
	case "", "blocking", "non-blocking":
	default:
		return fmt.Errorf("logger: logging mode not supported: %s", mode)
	}
	if size, ok := options["max-buffer-size"]; ok {
		if options["mode"] != "non-blocking" {
			return fmt.Errorf("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
		}
		if _, err := units.RAMInBytes(size); err != nil {
			return fmt.Errorf("error parsing option max-buffer-size: %w", err)
		}
	}
	return nil
}

// CheckTagged is Check for a driver that has tags and attributes.
func CheckTagged(driver string, options map[string]string, known ...string) error {
	if err := Check(driver, options, append(known[:len(known):len(known)], tagging...)...); err != nil {
		return err
	}
	for _, name := range []string{"env-regex", "labels-regex"} {
		if _, err := pattern(options[name]); err != nil {
			return fmt.Errorf("invalid %s: %w", name, err)
		}
	}
	if _, err := parseTag(options["tag"]); err != nil {
		return fmt.Errorf("invalid tag: %w", err)
	}
	return nil
}

// Bool reads an option that is true or false; absent it is false.
func Bool(options map[string]string, name string) (bool, error) {
	text := options[name]
	if text == "" {
		return false, nil
	}
	is, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("invalid value for %s: %w", name, err)
	}
	return is, nil
}

// Number reads an option that is a number between least and most.
func Number(options map[string]string, name string, standard, least, most int) (int, error) {
	text := options[name]
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("invalid value for %s: %w", name, err)
	}
	if n < least || n > most {
		return 0, fmt.Errorf("invalid value for %s: %d is not between %d and %d", name, n, least, most)
	}
	return n, nil
}

// Duration reads an option such as "1s"; a number alone is milliseconds.
func Duration(options map[string]string, name string, standard time.Duration) (time.Duration, error) {
	text := options[name]
	if text == "" {
		return standard, nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		text = strconv.Itoa(n) + "ms"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("invalid value for %s: %q is no duration such as 1s", name, options[name])
	}
	return d, nil
}

// list reads an option whose value is names, separated by commas.
func list(text string) (names []string) {
	for _, name := range strings.Split(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}
