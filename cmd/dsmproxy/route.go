package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/placement"
)

const aboutRoute = `Prints the order of the stores for each session ID: the ID, its crc32, the
stores from the first to the last. A record is on the first ones that live, as
many as copies says. It connects to no store, and to a running proxy only with
-admin.

Without an ID, IDs are read from standard input, one a line; a carriage return
at the end of a line is no part of the ID. An ID that begins with "-" goes after
"--". An ID that is not UTF-8 is printed as 0x and its bytes in hex.

With a configuration the stores have their names, and an ID is folded first if
the table's collation is "ci". With "auto", that depends on the key's column,
which only a running proxy (-admin) knows: without one, the order holds for the
ID as it is spelled, and a note says so of IDs that the column may call equal to
another. Without a configuration (-placement, -stores) the stores are numbers
from 0, the indexes of the PHP array.`

// asSpelled is said of orders that a key's column could change.
const asSpelled = "the table's collation is \"auto\": the order holds for the key as spelled; " +
	"where its column ignores case or accents, the running proxy knows the order (-admin)"

// columnUnknown is said of such orders where the running proxy was asked.
const columnUnknown = "the proxy could learn of the key's column from no store (none answers, or the table's schema is not known: " +
	"route -table SCHEMA.NAME, explain -db SCHEMA): the order holds for the key as spelled"

func runRoute(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("route", "[-config FILE | -admin ADDRESS] [-table NAME] [-json] [ID...]\n       dsmproxy route -placement NAME -stores M [-json] [ID...]", aboutRoute)
	path := fs.String("config", defaultConfig, "configuration `file`")
	table := fs.String("table", "", "session table, `name` or schema.name, where the tables' collations differ")
	name := fs.String("placement", placement.PHP, strings.Join(placement.Names(), ", ")+"; without a configuration")
	stores := fs.Int("stores", 0, "number of stores; without a configuration")
	asJSON := fs.Bool("json", false, `print one object a line: {"id":"...","crc32":N,"order":[...]}`)
	running := fs.String("admin", "", "ask the running proxy at this admin `address` instead of a configuration; its password is in "+passwordVariable)
	ids, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	bare := given["placement"] || given["stores"]
	if *running != "" && (bare || given["config"]) {
		return usageError(fs, stderr, "-admin is for a call without -config, -placement and -stores")
	}

	r := &orderer{out: bufio.NewWriter(stdout), json: *asJSON}
	switch {
	case bare && (given["config"] || given["table"]):
		return usageError(fs, stderr, "-placement and -stores are for a call without -config and -table")
	case bare && *stores < 1:
		return usageError(fs, stderr, "-stores must be at least 1")
	case bare:
		if r.place, err = placement.New(*name, bareStores(*stores)); err != nil {
			return usageError(fs, stderr, "%v", err)
		}
	case *running != "":
		remote, err := remoteFlags{admin: running}.remote(stderr)
		if err != nil {
			return err
		}
		r.ask = func(id []byte) (*admin.Route, error) { return askRoute(remote, *table, id) }
	default:
		c, err := loadConfig(*path, stderr)
		if err != nil {
			return err
		}
		if err := r.configure(c, *table); err != nil {
			return err
		}
	}
	err = errors.Join(r.routeAll(ids, stdin), r.out.Flush())
	if r.note != "" && !r.json {
		fmt.Fprintln(stderr, "dsmproxy: "+r.note)
	}
	return err
}

// bareStores are stores of which nothing is known but how many they are.
func bareStores(n int) []placement.Store {
	// More than placement takes need not be made to be refused.
	list := make([]placement.Store, min(n, placement.MaxStores+1))
	for i := range list {
		list[i].Name = strconv.Itoa(i)
	}
	return list
}

// orderer prints the orders of IDs.
type orderer struct {
	place placement.Placement
	names []string // nil: numbers
	fold  bool
	auto  []conf.Table // the tables whose key columns say whether to fold
	note  string       // why an order was printed that holds for the ID as spelled
	json  bool
	out   *bufio.Writer
	order []uint16
	// ask asks a running proxy instead; nil: the fields above say it.
	ask func(id []byte) (*admin.Route, error)
}

// configure takes stores and collation from a configuration; table is "" or
// names the table.
func (r *orderer) configure(c *conf.Config, table string) (err error) {
	if r.place, err = makePlacement(c); err != nil {
		return err
	}
	for _, s := range c.Stores {
		r.names = append(r.names, s.Name)
	}
	var collations []string
	for _, t := range c.Tables {
		if db, name, dotted := strings.Cut(table, "."); dotted && t.Schema == "" && strings.EqualFold(name, t.Name) {
			t.Schema = db // it is the table of that name in any schema
		}
		full := t.Schema + "." + t.Name
		if table == "" || strings.EqualFold(table, t.Name) || strings.EqualFold(table, full) {
			collations = append(collations, t.Collation)
			if t.Collation == "auto" {
				r.auto = append(r.auto, t)
			}
		}
	}
	slices.Sort(collations)
	switch collations = slices.Compact(collations); len(collations) {
	case 0:
		return fmt.Errorf("the configuration has no table %q", table)
	case 1:
		r.fold = collations[0] == "ci"
		return nil
	}
	return fmt.Errorf("the tables differ in collation (%s): say which table with -table", strings.Join(collations, ", "))
}

func (r *orderer) routeAll(ids []string, stdin io.Reader) error {
	for _, id := range ids {
		if err := r.route([]byte(id)); err != nil {
			return err
		}
	}
	if len(ids) > 0 {
		return nil
	}
	in := bufio.NewReader(stdin)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			id := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			if err := r.route(id); err != nil {
				return err
			}
			// Whoever types IDs, or talks through a pipe, waits for each answer.
			if in.Buffered() == 0 {
				if err := r.out.Flush(); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *orderer) route(id []byte) error {
	if r.ask != nil {
		a, err := r.ask(id)
		if err != nil {
			return err
		}
		r.note = cmp.Or(a.Note, r.note)
		return r.print(id, a.CRC32, a.Order, a.Note)
	}
	key, note := id, ""
	if r.fold {
		key = rewrite.FoldKey(nil, id)
	}
	if r.order == nil {
		r.order = make([]uint16, r.place.Stores())
	}
	r.place.Order(r.order, key)
	var names []string
	for _, s := range r.order {
		if r.names != nil {
			names = append(names, r.names[s])
		}
	}
	if len(r.auto) > 0 && !rewrite.FoldsToItself(id) {
		note = asSpelled
		r.note = note
	}
	return r.print(id, placement.CRC32(key), names, note)
}

// print prints an order: that of the names, or without any of r.order. The note
// is for JSON.
func (r *orderer) print(id []byte, crc uint32, names []string, note string) error {
	if r.json {
		return r.printJSON(id, crc, names, note)
	}
	if names == nil {
		for _, s := range r.order {
			names = append(names, strconv.Itoa(int(s)))
		}
	}
	_, err := fmt.Fprintf(r.out, "%s\t%d\t%s\n", printableKey(id), crc, strings.Join(names, " "))
	return err
}

func (r *orderer) printJSON(id []byte, crc uint32, names []string, note string) error {
	line := struct {
		ID    string `json:"id"`
		CRC32 uint32 `json:"crc32"`
		Order any    `json:"order"`
		Note  string `json:"note,omitempty"`
	}{printableKey(id), crc, r.order, note}
	if names != nil {
		line.Order = names
	}
	e := json.NewEncoder(r.out)
	e.SetEscapeHTML(false)
	return e.Encode(line)
}

// printableKey is a key as commands print it: as it is if it is UTF-8, 0x and
// its hex otherwise.
func printableKey(key []byte) string {
	if utf8.Valid(key) {
		return string(key)
	}
	return "0x" + hex.EncodeToString(key)
}
