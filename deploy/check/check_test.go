// Package check_test holds the files of deploy to what reads them: Prometheus's
// own parser of rules and expressions, and the types of Kubernetes. It is a
// module of its own, so that the proxy does not depend on these.
package check_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRules: Prometheus takes the alert rules, with their expressions and
// templates.
func TestRules(t *testing.T) {
	rules, errs := rulefmt.Parse(read(t, "../prometheus/dsmproxy.rules.yaml"), false)
	for _, err := range errs {
		t.Error(err)
	}
	n := 0
	for _, g := range rules.Groups {
		n += len(g.Rules)
	}
	if n < 10 {
		t.Errorf("%d rules", n)
	}
}

// panel is a panel of the dashboard, or a row of them.
type panel struct {
	ID      int
	Title   string
	Type    string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ Expr, RefID string }
	Panels  []panel
}

// TestDashboard: each expression of Grafana's dashboard is one, of metrics that
// there are; no two panels lie upon each other.
func TestDashboard(t *testing.T) {
	var board struct {
		Title, UID string
		Panels     []panel
	}
	if err := json.Unmarshal(read(t, "../grafana/dsmproxy.json"), &board); err != nil {
		t.Fatal(err)
	}
	documented := string(read(t, "../../docs/METRICS.md"))
	fill := strings.NewReplacer("$__rate_interval", "5m", "$job", "dsmproxy", "$instance", ".*")
	ids, used, exprs := map[int]string{}, map[[2]int]string{}, 0
	for _, p := range board.Panels {
		if other, ok := ids[p.ID]; ok || p.ID == 0 {
			t.Errorf("%q and %q have one number, %d", p.Title, other, p.ID)
		}
		ids[p.ID] = p.Title
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, ok := used[at]; ok || at[0] >= 24 {
					t.Fatalf("%q lies upon %q, or beyond the edge", p.Title, other)
				}
				used[at] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			exprs++
			if _, err := parser.ParseExpr(fill.Replace(target.Expr)); err != nil {
				t.Errorf("%s: %s: %v", p.Title, target.Expr, err)
			}
			for _, name := range regexp.MustCompile(`dsmproxy_\w+`).FindAllString(target.Expr, -1) {
				name = strings.TrimSuffix(name, "_bucket")
				if !strings.Contains(documented, "| `"+name+"` |") {
					t.Errorf("%s asks for %s, which docs/METRICS.md does not have", p.Title, name)
				}
			}
		}
	}
	if exprs < 20 {
		t.Errorf("only %d expressions", exprs)
	}
}

// TestManifests: each object is one of Kubernetes, without a field that it does
// not know; the probes ask paths that the proxy serves, at ports that are there.
func TestManifests(t *testing.T) {
	var deployment *appsv1.Deployment
	var service *corev1.Service
	kinds := map[string]func() any{
		"Secret":              func() any { return new(corev1.Secret) },
		"ConfigMap":           func() any { return new(corev1.ConfigMap) },
		"Deployment":          func() any { deployment = new(appsv1.Deployment); return deployment },
		"Service":             func() any { service = new(corev1.Service); return service },
		"PodDisruptionBudget": func() any { return new(policyv1.PodDisruptionBudget) },
	}
	for _, doc := range bytes.Split(read(t, "../kubernetes/dsmproxy.yaml"), []byte("\n---\n")) {
		var head struct{ Kind string }
		if err := yaml.Unmarshal(doc, &head); err != nil {
			t.Fatal(err)
		}
		make, ok := kinds[head.Kind]
		if !ok {
			t.Errorf("an object of kind %q", head.Kind)
			continue
		}
		if err := yaml.UnmarshalStrict(doc, make()); err != nil {
			t.Errorf("%s: %v", head.Kind, err)
		}
	}
	if deployment == nil || service == nil {
		t.Fatal("no Deployment, or no Service")
	}
	pod := deployment.Spec.Template
	for key, value := range deployment.Spec.Selector.MatchLabels {
		if pod.Labels[key] != value {
			t.Errorf("the Deployment does not select its own pods: %s=%s", key, value)
		}
	}
	container := pod.Spec.Containers[0]
	ports := map[string]int32{}
	for _, p := range container.Ports {
		ports[p.Name] = p.ContainerPort
	}
	for _, p := range service.Spec.Ports {
		if ports[p.TargetPort.StrVal] == 0 {
			t.Errorf("the Service sends to port %s, which the container has not", p.TargetPort.StrVal)
		}
	}
	for path, probe := range map[string]*corev1.Probe{"/readyz": container.ReadinessProbe, "/healthz": container.LivenessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || ports[probe.HTTPGet.Port.StrVal] == 0 {
			t.Errorf("%s is not asked for, or at no port: %+v", path, probe)
		}
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range container.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("no volume %s", m.Name)
		}
	}
	if s := container.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || pod.Spec.SecurityContext.RunAsNonRoot == nil {
		t.Error("the container is not held to what it needs")
	}
}

// TestCompose: the services of docker compose are there, and what they name.
func TestCompose(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Image, Command string
			Build          struct{ Context, Dockerfile string }
			Volumes        []string
			DependsOn      map[string]struct{ Condition string } `json:"depends_on"`
		}
	}
	if err := yaml.Unmarshal(read(t, "../docker/compose.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	proxy := file.Services["dsmproxy"]
	if len(file.Services) != 5 || len(proxy.DependsOn) != 4 {
		t.Errorf("%d services, the proxy waits for %d", len(file.Services), len(proxy.DependsOn))
	}
	for name := range proxy.DependsOn {
		if file.Services[name].Image == "" {
			t.Errorf("no store %s", name)
		}
		// The proxy may open 200 connections; a server takes 151 unless told.
		if !strings.Contains(file.Services[name].Command, "--max-connections=250") {
			t.Errorf("%s takes fewer connections than the proxy may open: %q", name, file.Services[name].Command)
		}
	}
	paths := []string{proxy.Build.Context + "/" + proxy.Build.Dockerfile}
	for _, s := range file.Services {
		for _, v := range s.Volumes {
			paths = append(paths, strings.Split(v, ":")[0])
		}
	}
	for _, path := range paths {
		if _, err := os.Stat("../docker/" + path); err != nil {
			t.Error(err)
		}
	}
}
