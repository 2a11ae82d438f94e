package conf

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Setting is one value of a configuration, as it can be shown: that of a
// password is hidden.
type Setting struct {
	Key   string // as in "limits.max_clients" or "store.s1.addr"
	Value string

	raw string // Value, even if that is hidden
}

// hidden stands for a password.
const hidden = "(hidden)"

// Settings lists a configuration, what is not given included.
func (c *Config) Settings() []Setting {
	var list []Setting
	flatten(&list, "", reflect.ValueOf(c).Elem())
	return list
}

// flatten lists the fields of v, a struct. Those of a user or a store are named
// by its name, for a place in a list says nothing; those of a table by its
// schema too.
func flatten(list *[]Setting, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		key := prefix + v.Type().Field(i).Tag.Get("toml")
		switch {
		case f.Kind() == reflect.Struct:
			flatten(list, key+".", f)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			for i := range f.Len() {
				flatten(list, key+"."+nameOf(f.Index(i).Addr().Interface())+".", f.Index(i))
			}
		default:
			s := Setting{Key: key, raw: show(f)}
			s.Value = s.raw
			if strings.HasSuffix(key, "password") && f.String() != "" {
				s.Value = hidden
			}
			*list = append(*list, s)
		}
	}
}

func nameOf(element any) string {
	switch e := element.(type) {
	case *User:
		return e.Name
	case *Store:
		return e.Name
	case *Witness:
		return e.Name
	case *Table:
		return strings.TrimPrefix(e.Schema+"."+e.Name, ".")
	}
	return ""
}

// show is a value as the file would have it.
func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case string:
		return fmt.Sprintf("%q", x)
	case time.Duration:
		return `"` + short(x) + `"`
	case []string:
		return "[" + quoteAll(x) + "]"
	}
	return fmt.Sprint(v.Interface())
}

// Change is one setting that differs; From is "" for one that is new, To for
// one that is gone.
type Change struct{ Key, From, To string }

// String is "limits.max_clients: 5 -> 6".
func (c Change) String() string {
	switch {
	case c.From == "":
		return c.Key + ": added, " + c.To
	case c.To == "":
		return c.Key + ": removed, was " + c.From
	}
	return c.Key + ": " + c.From + " -> " + c.To
}

// Plain is From and To without the quotes of TOML, for a log, which has its own.
func (c Change) Plain() (from, to string) { return plain(c.From), plain(c.To) }

// plain undoes show's quotes.
func plain(value string) string {
	list, ok := strings.CutPrefix(value, "[")
	if !ok {
		if s, err := strconv.Unquote(value); err == nil {
			return s
		}
		return value
	}
	var elements []string
	for list != "]" {
		q, err := strconv.QuotedPrefix(list)
		if err != nil {
			return value
		}
		s, _ := strconv.Unquote(q) // it is quoted
		elements = append(elements, s)
		list = strings.TrimPrefix(list[len(q):], ", ")
	}
	return strings.Join(elements, ", ")
}

// Changes lists what differs from c in next. The order of the stores counts:
// with the php placements it says where records are.
func (c *Config) Changes(next *Config) []Change {
	var changes []Change
	old := make(map[string]Setting)
	for _, s := range c.Settings() {
		old[s.Key] = s
	}
	for _, s := range next.Settings() {
		was, there := old[s.Key]
		delete(old, s.Key)
		if !there || was.raw != s.raw {
			changes = append(changes, Change{s.Key, was.Value, s.Value})
		}
	}
	for _, s := range c.Settings() { // in their order
		if _, gone := old[s.Key]; gone {
			changes = append(changes, Change{s.Key, s.Value, ""})
		}
	}
	if a, b := storeOrder(c), storeOrder(next); a != b {
		changes = append(changes, Change{"store", a, b})
	}
	return changes
}

func storeOrder(c *Config) string {
	names := make([]string, len(c.Stores))
	for i, s := range c.Stores {
		names[i] = s.Name
	}
	return strings.Join(names, " ")
}

// live are the settings that a running proxy takes over; any other needs a
// restart. One that ends with a dot stands for all below it.
var live = []string{
	"user.", "table.", "limits.", "pool.", "health.", "watch", "log.level", "log.slow_statement",
	"tls.cert", "tls.key", "tls.ca", "admin.user", "admin.password", "admin.password_file",
	"admin.password_env", "metrics.open",
}

// Live reports whether a running proxy can take the change over.
func (c Change) Live() bool {
	if name, ok := strings.CutPrefix(c.Key, "store."); ok && c.From != "" && c.To != "" {
		return liveOfStore(name)
	}
	if name, ok := strings.CutPrefix(c.Key, "witness."); ok && c.From != "" && c.To != "" {
		return liveOfStore(name) && !strings.HasSuffix(name, ".addr")
	}
	for _, key := range live {
		if c.Key == key || strings.HasSuffix(key, ".") && strings.HasPrefix(c.Key, key) {
			return true
		}
	}
	return false
}

// liveOfStore reports whether a setting of a store is live: how it is reached
// is, what places records is not.
func liveOfStore(key string) bool {
	if strings.Contains("."+key, ".tls.") {
		return true
	}
	switch key[strings.LastIndexByte(key, '.')+1:] {
	case "addr", "user", "password", "password_file", "password_env":
		return true
	}
	return false
}
