package main

import (
	"errors"
	"strings"

	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// refusal is an error for what the engine takes and does wrong: its parser
// sees escapes in literals under NO_BACKSLASH_ESCAPES as well.
func refusal(stmt sqlparser.Statement, query string) error {
	if _, ok := stmt.(*sqlparser.Set); ok && strings.Contains(strings.ToUpper(query), "NO_BACKSLASH_ESCAPES") {
		return mysql.NewSQLError(mysql.ERNotSupportedYet, "42000",
			"the embedded store does not support sql_mode NO_BACKSLASH_ESCAPES")
	}
	return nil
}

// wrong are the errors that the engine gives no number of their own, by a part
// of their text.
var wrong = []struct {
	text string
	num  int
}{
	{"syntax error at position", mysql.ERParseError},
	{"function: ", mysql.ERSPDoesNotExist},
	{"could not be found in any table in scope", mysql.ERBadFieldError},
}

// states are the SQL states of the errors that the engine sends as HY000.
var states = map[int]string{
	mysql.ERParseError:     "42000",
	mysql.ERSPDoesNotExist: "42000",
	mysql.ERBadFieldError:  "42S22",
	mysql.ERDupEntry:       "23000",
	mysql.ERBadNullError:   "23000",
	mysql.ERNoSuchTable:    "42S02",
	mysql.ERBadDb:          "42000",
}

// asMySQL gives an error the number, the SQL state and, where drivers look at
// it, the words that MySQL gives.
func asMySQL(err error) error {
	var e *mysql.SQLError
	if err == nil || !errors.As(err, &e) {
		return err
	}
	changed := *e
	if e.Num == mysql.ERUnknownError {
		for _, w := range wrong {
			if strings.Contains(e.Message, w.text) {
				changed.Num = w.num
			}
		}
	}
	if state, ok := states[changed.Num]; ok {
		changed.State = state
	}
	if key, ok := strings.CutPrefix(e.Message, "duplicate primary key given: ["); ok && e.Num == mysql.ERDupEntry {
		changed.Message = "Duplicate entry '" + strings.TrimSuffix(key, "]") + "' for key 'PRIMARY'"
	}
	return &changed
}
