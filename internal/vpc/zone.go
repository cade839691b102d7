package vpc

import "strings"

// zone is an availability zone.
type zone struct {
	Name string // "us-east-1a"
	ID   string // "use1-az1"
}

// zonesOf are the zones of a region. Berth gives every region three.
func zonesOf(region string) []zone {
	var zones []zone
	for i, letter := range []string{"a", "b", "c"} {
		zones = append(zones, zone{Name: region + letter, ID: shortRegion(region) + "-az" + string(rune('1'+i))})
	}
	return zones
}

var directions = map[string]string{
	"north": "n", "south": "s", "east": "e", "west": "w", "central": "c",
	"northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw",
}

// shortRegion is a region's name as the ids of its zones have it: "us-east-1" is "use1", "us-gov-west-1" is "usgw1".
func shortRegion(region string) string {
	var short strings.Builder
	for i, part := range strings.Split(region, "-") {
		switch direction, ok := directions[part]; {
		case ok:
			short.WriteString(direction)
		case i > 0 && len(part) > 1: // gov, iso
			short.WriteString(part[:1])
		default:
			short.WriteString(part)
		}
	}
	return short.String()
}
