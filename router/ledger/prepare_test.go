package ledger

import (
	"strings"
	"testing"
)

// TestServersThatAreTooOld: a server of a version that can't keep the ledger is
// refused by name, before anything is made there.
func TestServersThatAreTooOld(t *testing.T) {
	if !installation.MariaDB() {
		return // MySQL can't be told to say that it is another version
	}
	for version, want := range map[string]string{
		"10.1.48-MariaDB": "MariaDB 10.1.48-MariaDB is too old: its keys are too short for those of the ledger; 10.2 is needed",
		"5.6.51": "MySQL 5.6.51 is too old: its keys are too short for those of the ledger, " +
			"and it has no COM_RESET_CONNECTION; 5.7 is needed",
		"10.2.44-MariaDB": "", "5.7.44": "",
	} {
		o := unfounded(t, "--version="+version)
		err := o.Prepare(o.ctx())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: Prepare = %v, want %q", version, err, want)
		}
		if n := o.ask("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME='dsm'"); (want == "") != (n == "1") {
			t.Errorf("%s: %s schemas dsm", version, n)
		}
	}
}
