package ledger

import (
	"context"
	"fmt"
	"strings"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// Prepare makes the ledger's tables where they are not, and looks whether the
// server and the tables can be used. Open does so too for a store that is
// Blank; who calls Prepare before learns what is wrong.
func (w *Witness) Prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.OwnTimeout)
	defer cancel()
	c, err := w.service(ctx, true)
	if err != nil {
		return err
	}
	defer c.Release()
	if err := w.suitable(ctx, c); err != nil {
		return fmt.Errorf("store %s can't be used: %w", w.Name(), err)
	}
	for _, ddl := range w.ddl() {
		if _, err := c.Exec(ctx, ddl); err != nil {
			return fmt.Errorf("store %s: %w", w.Name(), err)
		}
	}
	if w.own != nil {
		if err := w.own.register(ctx, c); err != nil {
			return fmt.Errorf("store %s: %w", w.Name(), err)
		}
	}
	return nil
}

// suitable says why a server can't be used.
func (w *Witness) suitable(ctx context.Context, c *store.Conn) error {
	var major, minor int
	v := w.st.Version()
	if _, err := fmt.Sscanf(v, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("version %s is not understood", v)
	}
	if w.st.MariaDB() && (major < 10 || major == 10 && minor < 2) {
		return fmt.Errorf("MariaDB %s is too old: its keys are too short for those of the ledger; 10.2 is needed", v)
	}
	if !w.st.MariaDB() && (major < 5 || major == 5 && minor < 7) {
		return fmt.Errorf("MySQL %s is too old: its keys are too short for those of the ledger, and it has no COM_RESET_CONNECTION; 5.7 is needed", v)
	}
	rows, err := c.Query(ctx, "SELECT ENGINE,SUPPORT FROM information_schema.ENGINES")
	if err != nil {
		return err
	}
	support := make(map[string]bool)
	for _, r := range rows {
		support[strings.ToUpper(string(r[0]))] = string(r[1]) == "YES" || string(r[1]) == "DEFAULT"
	}
	switch {
	case !support["INNODB"]:
		return fmt.Errorf("it has no InnoDB, and so no transactions")
	case !support["MEMORY"]:
		return fmt.Errorf("it has no MEMORY tables, by which a restart is noticed")
	}
	rows, err = c.Query(ctx, "SELECT @@GLOBAL.log_bin,@@GLOBAL.binlog_format")
	if err == nil && string(rows[0][0]) == "1" && string(rows[0][1]) == "STATEMENT" {
		return fmt.Errorf("binlog_format=STATEMENT refuses READ COMMITTED: set it to ROW or MIXED")
	}
	return nil // MySQL is to drop binlog_format: ROW is all there is then
}

const engine = " ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=binary"

func (w *Witness) ddl() []string {
	t := &w.texts
	list := []string{
		"CREATE DATABASE IF NOT EXISTS `" + w.cfg.Schema + "`",
		"CREATE TABLE IF NOT EXISTS " + t.gate + " (id TINYINT UNSIGNED NOT NULL PRIMARY KEY, start BIGINT NOT NULL, boot BIGINT NOT NULL) ENGINE=MEMORY",
		"CREATE TABLE IF NOT EXISTS " + t.view + fmt.Sprintf(" (id TINYINT UNSIGNED NOT NULL PRIMARY KEY, vec VARBINARY(%d) NOT NULL, "+
			"seq BIGINT NOT NULL, boot BIGINT NOT NULL, tick BIGINT UNSIGNED NOT NULL)", maxVector) + engine,
		"CREATE TABLE IF NOT EXISTS " + t.state + fmt.Sprintf(" (id TINYINT UNSIGNED NOT NULL PRIMARY KEY, format INT UNSIGNED NOT NULL, "+
			"name VARBINARY(255) NOT NULL, act VARBINARY(%d), cov VARBINARY(%[1]d), intact TINYINT NOT NULL, floor BIGINT NOT NULL)", maxVector) + engine,
		"CREATE TABLE IF NOT EXISTS " + t.proxy + " (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, reach BIGINT UNSIGNED NOT NULL, seen DATETIME(6) NOT NULL)" + engine,
		"CREATE TABLE IF NOT EXISTS " + t.settings + " (name VARBINARY(64) NOT NULL PRIMARY KEY, value VARBINARY(4096) NOT NULL)" + engine,
	}
	if w.own == nil {
		return list
	}
	return append(list,
		"CREATE TABLE IF NOT EXISTS "+t.epoch+fmt.Sprintf(" (seq BIGINT NOT NULL PRIMARY KEY, vec VARBINARY(%d) NOT NULL)", maxVector)+engine,
		"CREATE TABLE IF NOT EXISTS "+t.tables+" (no SMALLINT UNSIGNED NOT NULL PRIMARY KEY, db VARBINARY(256) NOT NULL, name VARBINARY(256) NOT NULL, col VARBINARY(256) NOT NULL)"+engine,
		w.movingDDL(),
		// The index lists what is to be swept and dropped.
		"CREATE TABLE IF NOT EXISTS "+t.ver+fmt.Sprintf(" (t SMALLINT UNSIGNED NOT NULL, k VARBINARY(%d) NOT NULL, "+
			"ep BIGINT UNSIGNED NOT NULL, n BIGINT UNSIGNED NOT NULL, wid BIGINT UNSIGNED NOT NULL, iep BIGINT NOT NULL, "+
			"fl TINYINT UNSIGNED NOT NULL, tick BIGINT UNSIGNED NOT NULL, PRIMARY KEY (t,k), KEY (fl,t,k))", maxKey)+engine)
}

// movingDDL makes the table of moves.
func (w *Witness) movingDDL() string {
	return "CREATE TABLE IF NOT EXISTS " + w.texts.moving +
		fmt.Sprintf(" (k VARBINARY(%d) NOT NULL PRIMARY KEY, old MEDIUMBLOB NOT NULL, made BIGINT NOT NULL)", maxKey) + engine
}

// register notes the tables that are known, and refuses others of their numbers.
func (s *Store) register(ctx context.Context, c *store.Conn) error {
	if err := s.discover(ctx, c); err != nil {
		return err
	}
	for _, t := range s.cfg.known.all() {
		if err := s.note(ctx, c, t); err != nil {
			return err
		}
	}
	return nil
}
