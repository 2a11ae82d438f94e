package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// report is all figures of a run.
type report struct {
	Machine   string     `json:"machine"`
	Rounds    int        `json:"rounds"`
	Length    string     `json:"length"`
	Records   int        `json:"records"`
	Scenarios []scenario `json:"scenarios,omitempty"`
	Connect   []summary  `json:"connect,omitempty"`
	Memory    []memory   `json:"memory,omitempty"`
	Crowd     []summary  `json:"crowd,omitempty"`
	Curves    []point    `json:"curves,omitempty"`
	Soak      *soak      `json:"soak,omitempty"`
}

// scenario is one operation with one number of clients, at all targets.
type scenario struct {
	Operation string    `json:"operation"`
	Protocol  string    `json:"protocol"`
	Payload   int       `json:"payload"`
	Clients   int       `json:"clients"`
	Targets   []summary `json:"targets"`
}

// summary is one target over all rounds. Latencies and processor times are in
// microseconds.
type summary struct {
	Name      string `json:"name"`
	PerSecond spread `json:"per_second"`
	P50       spread `json:"p50_us"`
	P95       spread `json:"p95_us"`
	P99       spread `json:"p99_us"`
	ProxyCPU  spread `json:"proxy_cpu_us"`
	StoreCPU  spread `json:"store_cpu_us"`
}

// memory is resident memory in bytes.
type memory struct {
	Name      string `json:"name"`
	Clients   int    `json:"clients"`
	Empty     int64  `json:"empty"`
	Full      int64  `json:"full"`
	PerClient int64  `json:"per_client"`
}

type point struct {
	Curve string `json:"curve"`
	X     int    `json:"x"`
	summary
}

func (o operation) proto() string {
	if o.binary {
		return "prepared"
	}
	return "text"
}

func summarize(name string, samples []sample) summary {
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return summary{
		Name:      name,
		PerSecond: over(samples, func(s sample) float64 { return s.perSecond }),
		P50:       over(samples, func(s sample) float64 { return us(s.p50) }),
		P95:       over(samples, func(s sample) float64 { return us(s.p95) }),
		P99:       over(samples, func(s sample) float64 { return us(s.p99) }),
		ProxyCPU:  over(samples, func(s sample) float64 { return s.proxyCPU }),
		StoreCPU:  over(samples, func(s sample) float64 { return s.storeCPU }),
	}
}

// machine says what the figures were taken on.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d x %s, %s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.Version())
}

// print writes the tables.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "%s; medians of %d rounds of %s [quartiles]; x: ratio to direct, h: to HAProxy\n", r.Machine, r.Rounds, r.Length)
	for _, s := range r.Scenarios {
		fmt.Fprintf(out, "\n%s, %s, %d bytes, %d clients\n", s.Operation, s.Protocol, s.Payload, s.Clients)
		printTargets(out, s.Targets)
	}
	if len(r.Connect) > 0 {
		fmt.Fprintf(out, "\nconnect, one select, disconnect; %d clients\n", visitors)
		printTargets(out, r.Connect)
	}
	if len(r.Memory) > 0 {
		fmt.Fprintln(out, "\nresident memory with idle clients")
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "\tclients\tempty MiB\tfull MiB\tKiB per client\t")
		for _, m := range r.Memory {
			fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t\n", m.Name, m.Clients,
				float64(m.Empty)/(1<<20), float64(m.Full)/(1<<20), float64(m.PerClient)/1024)
		}
		w.Flush()
	}
	if len(r.Crowd) > 0 {
		fmt.Fprintf(out, "\n%d clients, 200 store connections\n", crowdSize)
		printSummaries(out, r.Crowd)
	}
	if r.Soak != nil {
		r.Soak.print(out)
	}
	for i := 0; i < len(r.Curves); {
		curve := r.Curves[i].Curve
		fmt.Fprintf(out, "\n%s; select, text, 8 clients\n", curve)
		var points []summary
		for ; i < len(r.Curves) && r.Curves[i].Curve == curve; i++ {
			p := r.Curves[i].summary
			p.Name = fmt.Sprint(r.Curves[i].X)
			points = append(points, p)
		}
		printSummaries(out, points)
	}
}

// printTargets compares targets, of which the first is "direct" and the second
// HAProxy.
func printTargets(out io.Writer, targets []summary) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tper second\tx\th\tp50 us\tx\tp95 us\tp99 us\tproxy CPU us\th\tstores' CPU us\tx\t")
	direct, haproxy := targets[0], targets[1]
	for _, t := range targets {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.0f\t%s\t%s\t%s\t%s\t\n", t.Name,
			t.PerSecond, ratio(t.PerSecond, direct.PerSecond), ratio(t.PerSecond, haproxy.PerSecond),
			t.P50, ratio(t.P50, direct.P50), t.P95.Median, t.P99.Median,
			t.ProxyCPU, ratio(t.ProxyCPU, haproxy.ProxyCPU),
			t.StoreCPU, ratio(t.StoreCPU, direct.StoreCPU))
	}
	w.Flush()
}

// print writes the levels in the course of a soak.
func (s *soak) print(out io.Writer) {
	fmt.Fprintf(out, "\nsoak of %s at %.0f %% of %.0f statements per second; %d times a store was killed, %d statements, %d failed",
		s.Length, 100*soakShare, s.Capacity, s.Killed, s.Done, s.Failed)
	if s.lastFailure != nil {
		fmt.Fprintf(out, ", the last by %q", s.lastFailure)
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tper second\tMiB\tgoroutines\tdescriptors\tprepared statements\tstore connections\t")
	row := func(name string, l level) {
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%d\t%d\t%d\t%d\t\n", name, l.PerSecond, float64(l.Memory)/(1<<20),
			l.Goroutines, l.Descriptors, l.Prepared, l.Connections)
	}
	for i, l := range s.Levels {
		row(fmt.Sprintf("return %d", i+1), l)
	}
	row("clients gone", s.After)
	w.Flush()
}

func printSummaries(out io.Writer, list []summary) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tper second\tratio\tp50 us\tp99 us\tproxy CPU us\tratio\t")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.0f\t%s\t%s\t\n", s.Name, s.PerSecond, ratio(s.PerSecond, list[0].PerSecond),
			s.P50, s.P99.Median, s.ProxyCPU, ratio(s.ProxyCPU, list[0].ProxyCPU))
	}
	w.Flush()
}

// String is the median and the quartiles.
func (s spread) String() string {
	if s.Median == 0 {
		return "-"
	}
	digits := 0
	if s.Median < 100 {
		digits = 1
	}
	return fmt.Sprintf("%.*f [%.*f-%.*f]", digits, s.Median, digits, s.Low, digits, s.High)
}

func ratio(a, b spread) string {
	if a.Median == 0 || b.Median == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a.Median/b.Median)
}
