package placement

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// vector is one entry of testdata/php*.json.gz: the order of PHP's array
// range(0, Stores-1) after srand(crc32($id)); shuffle($stores);.
type vector struct {
	ID     []byte   `json:"id_base64"`
	CRC32  uint32   `json:"crc32"`
	Stores int      `json:"stores"`
	Order  []uint16 `json:"order"`
}

func readVectors(t testing.TB, name string) []vector {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.NewDecoder(z).Decode(&vs); err != nil {
		t.Fatal(err)
	}
	if len(vs) == 0 {
		t.Fatalf("%s holds no vector", name)
	}
	return vs
}

// TestVectors holds the PHP placements to the orders that PHP 8.2 and glibc
// themselves computed.
func TestVectors(t *testing.T) {
	for file, name := range map[string]string{"php71.json.gz": PHP, "php70.json.gz": PHPLegacy} {
		t.Run(name, func(t *testing.T) {
			vs := readVectors(t, file)
			for _, v := range vs {
				if got := CRC32(v.ID); got != v.CRC32 {
					t.Fatalf("CRC32(%q) = %d, want %d", v.ID, got, v.CRC32)
				}
				p, err := New(name, make([]Store, v.Stores))
				if err != nil {
					t.Fatal(err)
				}
				got := make([]uint16, v.Stores)
				p.Order(got, v.ID)
				if !slices.Equal(got, v.Order) {
					t.Errorf("%s: Order(%q), %d stores = %v, want %v", name, v.ID, v.Stores, got, v.Order)
				}
			}
			t.Logf("%d vectors", len(vs))
		})
	}
}
