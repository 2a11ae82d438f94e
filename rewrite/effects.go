package rewrite

import "strings"

// What a statement reads of its client's session, what in it may give another
// value on each store, and what it leaves behind in a connection, is told by
// its tokens: a name before a parenthesis is a function, unless it is one of
// the words that SQL puts there. Nothing but a list of functions known to be
// pure counts as pure.

// effects looks at all tokens from begin on.
func (a *analyzer) effects(begin int) {
	for i := begin; i < len(a.toks); i++ {
		switch a.toks[i].kind {
		case tokWord:
			a.wordEffect(i)
		case tokQuotedIdent:
			// `f`(...) is a stored function.
			if a.op(i+1, "(") && a.op(i-1, ".") == false && a.callable(i) {
				a.p.Nondet |= NondetOther
			}
		case tokUserVar:
			a.p.Nondet |= NondetOther
			a.p.Uses |= UsesUserVariable
		case tokSysVar:
			a.p.Nondet |= NondetOther
			a.p.Uses |= sysVarUse(a.sysVarName(i))
		case tokOp:
			if a.op(i, ":=") && !a.is(0, "set") {
				a.assigns(i - 1)
			}
		}
	}
}

// pin notes what is left behind in the store connection.
func (a *analyzer) pin(what string) {
	if a.p.Pins == "" {
		a.p.Pins = what
	}
}

// callable tells whether a name at i may be that of a function: not one that
// follows a word behind which a table or an index is named.
func (a *analyzer) callable(i int) bool {
	switch w := a.word(i - 1); w {
	case "into", "insert", "replace", "ignore", "delayed", "low_priority", "high_priority", "table",
		"index", "key", "as", "with", "recursive", "exists", "on", "from", "update", "references",
		"constraint", "unique":
		return w == "on" && !a.is(0, "create") // ON f(x) = y
	}
	return true
}

func (a *analyzer) wordEffect(i int) {
	w := a.word(i)
	if w == "" { // behind a dot
		if a.op(i+1, "(") && a.kind(i-2) != tokNone && a.callable(i-2) {
			a.p.Nondet |= NondetOther // a stored function of another schema
		}
		return
	}
	call := a.op(i+1, "(")
	if !call {
		switch w {
		case "current_timestamp", "current_date", "current_time", "localtime", "localtimestamp",
			"utc_date", "utc_time", "utc_timestamp":
			a.p.Nondet |= NondetTime
		case "current_user", "current_role":
			a.p.Nondet |= NondetOther
		}
		return
	}
	if syntaxWords[w] || !a.callable(i) {
		return
	}
	if use, ok := functionUses[w]; ok {
		a.p.Uses |= use
		a.p.Nondet |= NondetOther
		if w == "last_insert_id" && !a.op(i+2, ")") {
			a.lastInsertID()
		}
		return
	}
	if w == "rand" && !a.op(i+2, ")") && a.goesOn(i) {
		a.p.Seeded = true
	}
	switch {
	case timeFunctions[w]:
		a.p.Nondet |= NondetTime
	case w == "sysdate":
		a.p.Uses |= UsesSysdate
		a.p.Nondet |= NondetOther
	case w == "unix_timestamp" || w == "encrypt":
		if a.op(i+2, ")") {
			a.p.Nondet |= NondetTime
		}
	case !pureFunctions[w]:
		a.p.Nondet |= NondetOther
	}
}

// storedFunctions returns the functions that are not built in: each may read a
// table on the store that runs it, or write one.
func (a *analyzer) storedFunctions() (list []string) {
	for i := range a.toks {
		if !a.op(i+1, "(") || !a.callable(i) {
			continue
		}
		switch a.kind(i) {
		case tokWord, tokQuotedIdent:
		default:
			continue
		}
		name, _ := a.ident(i)
		w := strings.ToLower(name)
		if a.op(i-1, ".") || a.kind(i) == tokQuotedIdent && !a.op(i-1, ")") {
			if a.op(i-1, ".") {
				schema, _ := a.ident(i - 2)
				name = schema + "." + name
			}
			list = append(list, name)
			continue
		}
		if _, ok := functionUses[w]; ok || syntaxWords[w] || timeFunctions[w] || pureFunctions[w] ||
			impureFunctions[w] || strings.HasPrefix(w, "st_") || strings.HasPrefix(w, "gtid_") ||
			strings.HasPrefix(w, "wsrep_") || strings.HasPrefix(w, "mbr") {
			continue
		}
		list = append(list, name)
	}
	return list
}

// lastInsertID notes LAST_INSERT_ID(expr). A write answers with the value, so
// that nothing is lost with the connection.
func (a *analyzer) lastInsertID() {
	a.p.Uses &^= UsesLastInsertID
	switch a.word(0) {
	case "insert", "replace", "update":
		a.p.SetsInsertID = true
	default:
		a.pin("LAST_INSERT_ID(expr)")
	}
}

// goesOn reports whether what stands at i is the same call for all rows that are
// written. In VALUES, each row has its own.
func (a *analyzer) goesOn(i int) bool {
	switch a.word(0) {
	case "insert", "replace":
		for i > 0 && !a.is(i, "duplicate") {
			i--
		}
		return i > 0
	}
	return true
}

// sysVarName returns the name of the system variable at i without its scope,
// in lower case.
func (a *analyzer) sysVarName(i int) string {
	_, name := splitSysVar(string(a.l.bytes(a.toks[i])))
	return name
}

// splitSysVar splits @@scope.name.
func splitSysVar(text string) (scope, name string) {
	name = strings.ToLower(strings.TrimPrefix(text, "@@"))
	if strings.ContainsAny(name, "`\"") {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "`", ""), `"`, "")
	}
	for _, s := range []string{"global", "session", "local", "persist", "persist_only"} {
		if rest, ok := strings.CutPrefix(name, s+"."); ok {
			return s, rest
		}
	}
	return "", name
}

// sysVarUse tells which system variables show what the session's own
// statements did before.
func sysVarUse(name string) Uses {
	switch name {
	case "warning_count", "error_count":
		return UsesWarnings
	case "last_insert_id", "identity":
		return UsesLastInsertID
	case "pseudo_thread_id":
		return UsesConnectionID
	case "in_transaction":
		return UsesTransaction
	}
	return 0
}

// functionUses are functions that tell of the session.
var functionUses = map[string]Uses{
	"last_insert_id": UsesLastInsertID,
	"found_rows":     UsesFoundRows,
	"row_count":      UsesRowCount,
	"connection_id":  UsesConnectionID,
	"database":       UsesDatabase,
	"schema":         UsesDatabase,
}

// timeFunctions are ruled by @@timestamp.
var timeFunctions = words(`now current_timestamp current_date current_time curdate curtime localtime
	localtimestamp utc_date utc_time utc_timestamp`)

// impureFunctions are the built-in functions that are neither pure nor ruled
// by @@timestamp.
var impureFunctions = words(`benchmark binlog_gtid_pos current_role current_user encrypt get_lock
	icu_version is_free_lock is_used_lock load_file master_gtid_wait master_pos_wait name_const
	ps_current_thread_id ps_thread_id rand random_bytes release_all_locks release_lock roles_graphml
	session_user sleep source_pos_wait sys_guid sysdate system_user unix_timestamp user uuid
	uuid_short uuid_v4 uuid_v7 version wait_for_executed_gtid_set statement_digest`)

// syntaxWords may stand before a parenthesis without being functions.
var syntaxWords = words(`all and any as between binary by case check collate distinct distinctrow div
	duplicate else end escape except exists from full group having ignore in index inner insert
	intersect interval into is join key keys lateral left like limit match natural not of
	offset on or order outer over partition primary procedure range references regexp returning
	rlike row rows select separator set some straight_join table then union unique unknown update
	use using value values when where window with xor against cross delete do sounds force
	recursive returning only`)

// pureFunctions give the same value for the same arguments on every store.
var pureFunctions = words(`abs acos adddate addtime aes_decrypt aes_encrypt any_value ascii asin atan
	atan2 avg bin binary bit_and bit_count bit_length bit_or bit_xor cast ceil ceiling char
	char_length character_length charset coalesce coercibility collation compress concat concat_ws
	conv convert convert_tz cos cot count crc32 crc32c cume_dist date date_add date_format date_sub
	datediff day dayname dayofmonth dayofweek dayofyear decode decode_oracle default degrees
	dense_rank des_decrypt des_encrypt elt encode exp export_set extract extractvalue field
	find_in_set first_value floor format format_bytes format_pico_time from_base64 from_days
	from_unixtime get_format greatest group_concat grouping hex hour if ifnull inet6_aton
	inet6_ntoa inet_aton inet_ntoa insert instr interval is_ipv4 is_ipv4_compat is_ipv4_mapped
	is_ipv6 is_uuid isnull json_array json_array_append json_array_insert json_arrayagg json_compact
	json_contains json_contains_path json_depth json_detailed json_equals json_exists json_extract
	json_insert json_keys json_length json_loose json_merge json_merge_patch json_merge_preserve
	json_normalize json_object json_objectagg json_overlaps json_pretty json_query json_quote
	json_remove json_replace json_schema_valid json_search json_set json_storage_free
	json_storage_size json_type json_unquote json_valid json_value kdf lag last_day last_value lcase
	lead least left length ln locate log log10 log2 lower lpad ltrim make_set makedate maketime max
	md5 microsecond mid min minute mod month monthname natural_sort_key nth_value ntile nullif nvl
	nvl2 oct octet_length old_password ord password percent_rank period_add period_diff pi point
	position pow power quarter quote radians rank regexp_instr regexp_like regexp_replace
	regexp_substr repeat replace reverse right round row row_number rpad rtrim sec_to_time second
	sformat sha sha1 sha2 sign sin soundex space sqrt std stddev stddev_pop stddev_samp
	statement_digest statement_digest_text str_to_date strcmp subdate substr substring
	substring_index subtime sum tan time time_format time_to_sec timediff timestamp timestampadd
	timestampdiff to_base64 to_char to_days to_seconds trim truncate ucase uncompress
	uncompressed_length unhex updatexml upper uuid_to_bin bin_to_uuid value values var_pop var_samp
	variance week weekday weekofyear weight_string year yearweek signed unsigned decimal varchar
	datetime double float nchar nvarchar varbinary integer int bigint st_astext
	st_geomfromtext st_x st_y x y`)

func words(list string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}
