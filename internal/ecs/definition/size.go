package definition

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Sizes of whole tasks, as strings on the wire: "256", "1 vCPU", ".5 vCPU"; "512", "1 GB", "0.5GB".

var vcpuForm = regexp.MustCompile(`^(?i)\s*(\d*\.?\d+)\s*vcpus?\s*$`)
var gigabyteForm = regexp.MustCompile(`^(?i)\s*(\d*\.?\d+)\s*gb\s*$`)

// parseCPU returns a task's cpu in units, 1024 a vCPU.
func parseCPU(s string) (int64, bool) { return parseSize(s, vcpuForm) }

// parseMemory returns a task's memory in MiB.
func parseMemory(s string) (int64, bool) { return parseSize(s, gigabyteForm) }

func parseSize(s string, unit *regexp.Regexp) (int64, bool) {
	if m := unit.FindStringSubmatch(s); m != nil {
		f, err := strconv.ParseFloat(m[1], 64)
		n := f * 1024
		if err != nil || n != math.Trunc(n) || n > math.MaxInt32 {
			return 0, false
		}
		return int64(n), true
	}
	return number(strings.TrimSpace(s))
}

// number reads a whole number.
func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return n, err == nil
}

// fargateSize is a row of the table of sizes that Fargate offers (amounts in units and MiB).
type fargateSize struct {
	cpu         int64
	first, last int64
	step        int64
	smaller     []int64 // sizes below the regular steps
}

var fargateSizes = []fargateSize{
	{cpu: 256, first: 1024, last: 2048, step: 1024, smaller: []int64{512}},
	{cpu: 512, first: 1024, last: 4096, step: 1024},
	{cpu: 1024, first: 2048, last: 8192, step: 1024},
	{cpu: 2048, first: 4096, last: 16384, step: 1024},
	{cpu: 4096, first: 8192, last: 30720, step: 1024},
	{cpu: 8192, first: 16384, last: 61440, step: 4096},
	{cpu: 16384, first: 32768, last: 122880, step: 8192},
}

// FargateOffers tells whether Fargate has a size.
func FargateOffers(size Size) bool {
	i := slices.IndexFunc(fargateSizes, func(s fargateSize) bool { return s.cpu == size.CPU })
	if i < 0 {
		return false
	}
	s, memory := fargateSizes[i], size.Memory
	return slices.Contains(s.smaller, memory) || memory >= s.first && memory <= s.last && (memory-s.first)%s.step == 0
}
