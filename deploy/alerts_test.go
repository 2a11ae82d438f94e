package deploy_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAlerts: the alert rules name metrics that there are, docs/OPERATIONS.md
// says of each alert what to do, and make alerts-test has each fire.
func TestAlerts(t *testing.T) {
	read := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	cases := read("prometheus/dsmproxy.rules_test.yaml")
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
		if !regexp.MustCompile("alertname: " + a[1] + ", exp_alerts").MatchString(cases) {
			t.Errorf("dsmproxy.rules_test.yaml does not have %s fire", a[1])
		}
		if !strings.Contains(operations, "| `"+a[1]+"` |") {
			t.Errorf("docs/OPERATIONS.md does not explain the alert %s", a[1])
		}
	}
}
