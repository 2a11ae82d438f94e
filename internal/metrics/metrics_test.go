package metrics

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

const (
	docPath   = "../../docs/METRICS.md"
	tableHead = "| metric | type | labels | what it says |\n|---|---|---|---|\n"
)

// documented is the table of docs/METRICS.md as it must be.
func documented() string {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, m := range all {
		kind := map[prometheus.ValueType]string{
			prometheus.GaugeValue: "gauge", prometheus.CounterValue: "counter", prometheus.UntypedValue: "histogram",
		}[m.kind]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, kind, strings.Join(m.labels, ", "), m.help)
	}
	return b.String()
}

// TestDocumented holds docs/METRICS.md to the metrics; UPDATE_GOLDEN=1 rewrites
// its table.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile(docPath)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(doc, []byte(tableHead))
	if i < 0 {
		t.Fatal("docs/METRICS.md has no table of the metrics")
	}
	end := i
	for rest := doc[i:]; bytes.HasPrefix(rest, []byte("|")); rest = doc[end:] {
		end += bytes.IndexByte(rest, '\n') + 1
	}
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(docPath, append(append(append([]byte(nil), doc[:i]...), documented()...), doc[end:]...), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := string(doc[i:end]); got != documented() {
		t.Errorf("docs/METRICS.md has\n%swant\n%s", got, documented())
	}
}

// TestNames: the names follow Prometheus's rules, and no two are the same.
func TestNames(t *testing.T) {
	var text strings.Builder
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.name] {
			t.Errorf("%s is there twice", m.name)
		}
		seen[m.name] = true
		kind := map[prometheus.ValueType]string{prometheus.GaugeValue: "gauge", prometheus.CounterValue: "counter", prometheus.UntypedValue: "histogram"}[m.kind]
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, kind)
		if kind == "histogram" {
			fmt.Fprintf(&text, "%s_bucket{le=\"+Inf\"} 1\n%s_sum 1\n%s_count 1\n", m.name, m.name, m.name)
			continue
		}
		fmt.Fprintf(&text, "%s 1\n", m.name)
	}
	problems, err := promlint.New(strings.NewReader(text.String())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
