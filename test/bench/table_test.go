package bench

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// row is one measurement beside its floor and its budget.
type row struct {
	What     string  `json:"what"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Floor    float64 `json:"floor,omitzero"` // in the same unit
	FloorIs  string  `json:"floorIs,omitzero"`
	Budget   string  `json:"budget,omitzero"` // in words
	AtMost   float64 `json:"atMost,omitzero"`
	Ratio    float64 `json:"ratio,omitzero"` // value to floor
	MaxRatio float64 `json:"maxRatio,omitzero"`
	MinRatio float64 `json:"minRatio,omitzero"`
	Met      bool    `json:"met"`
	Load     string  `json:"load"` // the machine's load average when it was measured
}

// table is what one run measured.
type table struct {
	Began time.Time `json:"began"`
	CPUs  int       `json:"cpus"`
	Rows  []row     `json:"rows"`
}

var measured = table{Began: time.Now(), CPUs: runtime.NumCPU()}

// add judges a row and keeps it.
func (t *table) add(r row) {
	var budget []string
	r.Met, r.Load = true, loadAverage()
	if r.Floor > 0 {
		r.Ratio = r.Value / r.Floor
	}
	bound := func(on bool, met bool, format string, args ...any) {
		if on {
			budget = append(budget, fmt.Sprintf(format, args...))
			r.Met = r.Met && met
		}
	}
	bound(r.AtMost > 0, r.Value <= r.AtMost, "<= %s %s", short(r.AtMost), r.Unit)
	bound(r.MaxRatio > 0, r.Ratio <= r.MaxRatio, "<= %gx", r.MaxRatio)
	bound(r.MinRatio > 0, r.Ratio >= r.MinRatio, ">= %g %%", 100*r.MinRatio)
	r.Budget = strings.Join(budget, ", ")
	t.Rows = append(t.Rows, r)
}

// loadAverage is the machine's load average over a minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

// finish prints the table for people, and writes it as JSON if there is a file for it.
func (t *table) finish(out io.Writer, file string) error {
	if len(t.Rows) == 0 {
		return nil
	}
	fmt.Fprintf(out, "\n%d CPUs, %s\n", t.CPUs, t.Began.Format(time.RFC3339))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tMEASURED\tFLOOR\tRATIO\tBUDGET\t\tLOAD")
	for _, r := range t.Rows {
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%s\t%s\t%s\t%s\n", r.What, short(r.Value), r.Unit, r.floor(), r.ratio(), cmp.Or(r.Budget, "-"), r.verdict(), r.Load)
	}
	if err := w.Flush(); err != nil || file == "" {
		return err
	}
	text, err := json.Marshal(t, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func (r row) floor() string {
	if r.Floor == 0 {
		return "-"
	}
	return fmt.Sprintf("%s %s %s", short(r.Floor), r.Unit, r.FloorIs)
}

func (r row) ratio() string {
	switch {
	case r.Floor == 0:
		return "-"
	case r.MinRatio > 0:
		return fmt.Sprintf("%.0f %%", 100*r.Ratio)
	}
	return fmt.Sprintf("%.2fx", r.Ratio)
}

func (r row) verdict() string {
	switch {
	case r.Budget == "":
		return ""
	case r.Met:
		return "met"
	}
	return "MISSED"
}

// short writes a number with three digits or so.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
