package mariadbtest

import (
	"database/sql"
	"os"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

func TestStart(t *testing.T) {
	in, err := Install()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	t.Run("servers", func(t *testing.T) {
		begin := time.Now()
		servers := in.Start(t, 2, "--max-allowed-packet=32M")
		t.Logf("two servers of %s in %v", in.Version(), time.Since(begin))
		for _, s := range servers {
			db, err := sql.Open("mysql", s.DSN(""))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var packet int
			if err := db.QueryRow("SELECT @@max_allowed_packet").Scan(&packet); err != nil || packet != 32<<20 {
				t.Fatalf("@@max_allowed_packet = %d, %v", packet, err)
			}
		}
	})
	left, err := os.ReadDir(in.Dir())
	if err != nil || len(left) != 1 {
		t.Fatalf("left behind: %v, %v; want the template alone", left, err)
	}
}
