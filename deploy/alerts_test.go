package deploy_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAlerts: the alert rules name metrics that there are, and
// docs/OPERATIONS.md says of each alert what to do.
func TestAlerts(t *testing.T) {
	read := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	rules, metrics, operations := read("prometheus/dsmproxy.rules.yaml"), read("../docs/METRICS.md"), read("../docs/OPERATIONS.md")
	alerts := regexp.MustCompile(`- alert: (\w+)\n +expr: (.*)\n`).FindAllStringSubmatch(rules, -1)
	if len(alerts) < 8 || len(alerts) != strings.Count(rules, "alert:") {
		t.Fatalf("%d alerts are understood of %d", len(alerts), strings.Count(rules, "alert:"))
	}
	for _, a := range alerts {
		names := regexp.MustCompile(`dsmproxy_\w+`).FindAllString(a[2], -1)
		if len(names) == 0 {
			t.Errorf("%s asks for no metric", a[1])
		}
		for _, name := range names {
			if !strings.Contains(metrics, "| `"+name+"` |") {
				t.Errorf("%s asks for %s, which docs/METRICS.md does not have", a[1], name)
			}
		}
		if !strings.Contains(operations, "| `"+a[1]+"` |") {
			t.Errorf("docs/OPERATIONS.md does not explain the alert %s", a[1])
		}
	}
}
