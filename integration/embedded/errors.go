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
	text  string
	num   int
	state string
}{
	{"syntax error at position", mysql.ERParseError, "42000"},
	{"function: ", mysql.ERSPDoesNotExist, "42000"},
	{"could not be found in any table in scope", mysql.ERBadFieldError, "42S22"},
}

// asMySQL gives an error the number that MySQL gives.
func asMySQL(err error) error {
	var e *mysql.SQLError
	if err == nil || !errors.As(err, &e) || e.Num != mysql.ERUnknownError {
		return err
	}
	for _, w := range wrong {
		if strings.Contains(e.Message, w.text) {
			return &mysql.SQLError{Num: w.num, State: w.state, Message: e.Message, Query: e.Query}
		}
	}
	return err
}
