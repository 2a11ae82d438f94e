package placement

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rendezvousCase is one entry of testdata/rendezvous.json.
type rendezvousCase struct {
	Stores []refStore `json:"stores"`
	Orders []refOrder `json:"orders"`
}

type refStore struct {
	Name   string  `json:"name"`
	Weight float64 `json:"weight"`
	Zone   string  `json:"zone"`
}

type refOrder struct {
	ID    []byte   `json:"id_base64"`
	Order []uint16 `json:"order"`
}

const rendezvousFile = "testdata/rendezvous.json"

// TestRendezvousVectors holds rendezvous to the orders that the reference
// implementation of docs/PLACEMENT.md computed.
func TestRendezvousVectors(t *testing.T) {
	data, err := os.ReadFile(rendezvousFile)
	if err != nil {
		t.Fatal(err)
	}
	var cases []rendezvousCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range cases {
		checkCase(t, c)
	}
}

func checkCase(t *testing.T, c rendezvousCase) {
	t.Helper()
	stores := make([]Store, len(c.Stores))
	for i, s := range c.Stores {
		stores[i] = Store(s)
	}
	p, err := New(Rendezvous, stores)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]uint16, len(stores))
	for _, o := range c.Orders {
		p.Order(got, o.ID)
		if !slices.Equal(got, o.Order) {
			t.Errorf("Order(%q) of %v = %v, want %v", o.ID, c.Stores, got, o.Order)
		}
	}
}

// TestReference runs the Python of docs/PLACEMENT.md: for the PHP placements on
// vectors of PHP and glibc, for rendezvous on stores and IDs made up anew in
// each run. UPDATE_GOLDEN=1 writes testdata/rendezvous.json from it.
func TestReference(t *testing.T) {
	t.Run("php", func(t *testing.T) { referenceShuffle(t, "php", readVectors(t, "php71.json.gz")) })
	t.Run("php-legacy", func(t *testing.T) { referenceShuffle(t, "php_legacy", readVectors(t, "php70.json.gz")) })
	t.Run("rendezvous", func(t *testing.T) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		for _, c := range reference(t, makeCases(rand.New(rand.NewPCG(seed, 0)), 20)) {
			checkCase(t, c)
		}
		if os.Getenv("UPDATE_GOLDEN") == "1" {
			writeVectors(t, reference(t, makeCases(rand.New(rand.NewPCG(1, 2)), 8)))
		}
	})
}

// referenceShuffle checks every seventh vector, as Python takes its time.
func referenceShuffle(t *testing.T, function string, vs []vector) {
	type job struct {
		ID     []byte `json:"id_base64"`
		Stores int    `json:"stores"`
	}
	var jobs []job
	var want [][]uint16
	for i := 0; i < len(vs); i += 7 {
		jobs = append(jobs, job{vs[i].ID, vs[i].Stores})
		want = append(want, vs[i].Order)
	}
	var got [][]uint16
	runPython(t, `
import base64, json, sys
print(json.dumps([`+function+`(base64.b64decode(j["id_base64"]), [None] * j["stores"]) for j in json.load(sys.stdin)]))
`, jobs, &got)
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the Python of docs/PLACEMENT.md does not give PHP's orders")
	}
}

// reference has Python fill in the orders of cases.
func reference(t *testing.T, cases []rendezvousCase) (done []rendezvousCase) {
	runPython(t, `
import base64, json, sys
cases = json.load(sys.stdin)
for c in cases:
    stores = [(s["name"], s["weight"], s["zone"]) for s in c["stores"]]
    for o in c["orders"]:
        o["order"] = rendezvous(base64.b64decode(o["id_base64"]), stores)
print(json.dumps(cases))
`, cases, &done)
	return done
}

// runPython runs the Python of docs/PLACEMENT.md and then main, which reads in
// as JSON and prints out.
func runPython(t *testing.T, main string, in, out any) {
	t.Helper()
	doc, err := os.ReadFile(filepath.FromSlash("../../docs/PLACEMENT.md"))
	if err != nil {
		t.Fatal(err)
	}
	var program strings.Builder
	blocks := strings.Split(string(doc), "```python\n")
	for _, b := range blocks[1:] {
		code, _, _ := strings.Cut(b, "```")
		program.WriteString(code)
	}
	if len(blocks) != 4 {
		t.Fatalf("docs/PLACEMENT.md has %d blocks of Python, want 3", len(blocks)-1)
	}
	program.WriteString(main)
	input, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatalf("python3 is needed to run the reference implementation: %v", err)
	}
	cmd := exec.Command(python, "-c", program.String())
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	result, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, &stderr)
	}
	if err := json.Unmarshal(result, out); err != nil {
		t.Fatal(err)
	}
}

// makeCases makes stores and IDs up: with and without weights and zones, few
// and many.
func makeCases(r *rand.Rand, n int) []rendezvousCase {
	cases := make([]rendezvousCase, n)
	for i := range cases {
		count := 1 + r.IntN(12)
		if i%8 == 7 {
			count = smallStores + 1 + r.IntN(30)
		}
		for s := range count {
			store := refStore{Name: fmt.Sprintf("s%d", s+1), Weight: 1}
			if i%2 == 1 {
				store.Weight = []float64{0.001, 0.5, 1, 1.5, 2, 2.0005, 100, 1e6}[r.IntN(8)]
			}
			if i%4 >= 2 {
				store.Zone = string(rune('a' + r.IntN(4)))
			}
			cases[i].Stores = append(cases[i].Stores, store)
		}
		for range 10 {
			id := make([]byte, r.IntN(40))
			for j := range id {
				id[j] = byte(r.Uint32())
			}
			cases[i].Orders = append(cases[i].Orders, refOrder{ID: id})
		}
	}
	return cases
}

func writeVectors(t *testing.T, cases []rendezvousCase) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("[\n")
	for i, c := range cases {
		if i > 0 {
			b.WriteString(",\n")
		}
		stores, err := json.Marshal(c.Stores)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "{\"stores\":%s,\"orders\":[\n", stores)
		for j, o := range c.Orders {
			line, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			end := ",\n"
			if j == len(c.Orders)-1 {
				end = "\n"
			}
			b.Write(line)
			b.WriteString(end)
		}
		b.WriteString("]}")
	}
	b.WriteString("\n]\n")
	if err := os.WriteFile(rendezvousFile, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
