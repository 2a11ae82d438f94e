package conf

import (
	"maps"
	"slices"
	"strings"
)

// presets are the tables of well-known session handlers, as those create them.
// A name with a prefix of the site's own (jos_, mdl_, wp_) is the usual one; a
// table's own name, key and so on come before the preset's.
//
// None of them folds its key, although some have a column whose collation
// ignores case: none of these handlers looks a session up by another spelling
// of its ID, and an ID's bytes are what PHP's crc32 hashes.
var presets = map[string]Table{
	// PHP
	"adodb":              {Name: "sessions2", Key: "sesskey"},
	"adodb1":             {Name: "sessions", Key: "sesskey"},
	"cakephp":            {Name: "sessions", Key: "id"},
	"cakephp1":           {Name: "cake_sessions", Key: "id"},
	"cakephp2":           {Name: "cake_sessions", Key: "id"},
	"codeigniter":        {Name: "ci_sessions", Key: "id"},
	"codeigniter2":       {Name: "ci_sessions", Key: "session_id"},
	"codeigniter3":       {Name: "ci_sessions", Key: "id"},
	"codeigniter4":       {Name: "ci_sessions", Key: "id"},
	"concrete":           {Name: "Sessions", Key: "sessionID"},
	"craft":              {Name: "phpsessions", Key: "id"},
	"dolibarr":           {Name: "llx_session", Key: "session_id"},
	"drupal":             {Name: "sessions", Key: "sid"},
	"e107":               {Name: "e107_session", Key: "session_id"},
	"elgg":               {Name: "elgg_users_sessions", Key: "session"},
	"fuelphp":            {Name: "sessions", Key: "session_id"},
	"horde":              {Name: "horde_sessionhandler", Key: "session_id"},
	"http-session2":      {Name: "sessiondata", Key: "id"},
	"joomla":             {Name: "jos_session", Key: "session_id"},
	"kohana":             {Name: "sessions", Key: "session_id"},
	"laminas":            {Name: "session", Key: "id"},
	"laravel":            {Name: "sessions", Key: "id"},
	"magento1":           {Name: "core_session", Key: "session_id"},
	"magento2":           {Name: "session", Key: "session_id"},
	"matomo":             {Name: "matomo_session", Key: "id"},
	"mediawiki":          {Name: "objectcache", Key: "keyname"},
	"moodle":             {Name: "mdl_sessions", Key: "sid", Surrogate: "id"},
	"mybb":               {Name: "mybb_sessions", Key: "sid"},
	"omeka":              {Name: "omeka_sessions", Key: "id"},
	"opencart":           {Name: "oc_session", Key: "session_id"},
	"openmage":           {Name: "core_session", Key: "session_id"},
	"oscommerce":         {Name: "sessions", Key: "sesskey", Columns: []string{"sesskey", "expiry", "value"}},
	"phalcon":            {Name: "session_data", Key: "session_id"},
	"phpbb":              {Name: "phpbb_sessions", Key: "session_id"},
	"roundcube":          {Name: "session", Key: "sess_id"},
	"shopware5":          {Name: "s_core_sessions", Key: "id"},
	"smf":                {Name: "smf_sessions", Key: "session_id"},
	"sprain":             {Name: "session_handler_table", Key: "id", Columns: []string{"id", "data", "timestamp"}},
	"symfony":            {Name: "sessions", Key: "sess_id"},
	"typo3":              {Name: "fe_sessions", Key: "ses_id"},
	"typo3-backend":      {Name: "be_sessions", Key: "ses_id"},
	"vanilla":            {Name: "GDN_Session", Key: "SessionID"},
	"vbulletin":          {Name: "session", Key: "sessionhash"},
	"woocommerce":        {Name: "wp_woocommerce_sessions", Key: "session_key", Surrogate: "session_id"},
	"wordpress":          {Name: "wp_sm_sessions", Key: "session_key"},
	"wp-session-manager": {Name: "wp_sm_sessions", Key: "session_key"},
	"wp-native":          {Name: "wp_pantheon_sessions", Key: "session_id", Surrogate: "id"},
	"xenforo":            {Name: "xf_session", Key: "session_id"},
	"yii1":               {Name: "YiiSession", Key: "id"},
	"yii2":               {Name: "session", Key: "id"},
	"zebra":              {Name: "session_data", Key: "session_id"},
	"zencart":            {Name: "sessions", Key: "sesskey"},
	"zend1":              {Name: "session", Key: "id"},
	// Python
	"beaker":        {Name: "beaker_cache", Key: "namespace", Surrogate: "id"},
	"django":        {Name: "django_session", Key: "session_key"},
	"flask-session": {Name: "sessions", Key: "session_id", Surrogate: "id"},
	"trac":          {Name: "session", Key: "sid", Secondary: []string{"session_attribute(sid)"}},
	"web.py":        {Name: "sessions", Key: "session_id"},
	// Ruby
	"rails":  {Name: "sessions", Key: "session_id", Surrogate: "id"},
	"sequel": {Name: "sessions", Key: "sid", Surrogate: "id"},
	// Perl
	"apache-session":  {Name: "sessions", Key: "id"},
	"bugzilla":        {Name: "logincookies", Key: "cookie"},
	"cgi-session":     {Name: "sessions", Key: "id"},
	"request-tracker": {Name: "sessions", Key: "id"},
	// Node.js
	"connect-session-knex":      {Name: "sessions", Key: "sid"},
	"connect-session-sequelize": {Name: "Sessions", Key: "sid"},
	"connect-typeorm":           {Name: "session", Key: "id"},
	"express-mysql-session":     {Name: "sessions", Key: "session_id"},
	"keyv":                      {Name: "keyv", Key: "id"},
	"koa-mysql-session":         {Name: "_mysql_session_store", Key: "id"},
	// Java
	"jetty": {Name: "JettySessions", Key: "sessionId"},
	"spring-session": {Name: "SPRING_SESSION", Key: "SESSION_ID", Surrogate: "PRIMARY_ID",
		Secondary: []string{"SPRING_SESSION_ATTRIBUTES(SESSION_PRIMARY_ID)"}},
	"tomcat": {Name: "tomcat$sessions", Key: "id"},
	// Go
	"beego": {Name: "session", Key: "session_key"},
	"fiber": {Name: "fiber_storage", Key: "k"},
	"scs":   {Name: "sessions", Key: "token"},
	// Rust
	"async-sqlx-session": {Name: "async_sessions", Key: "id"},
	"tower-sessions":     {Name: "session", Key: "id"},
	// Lua
	"lua-resty-session": {Name: "sessions", Key: "sid"},
	// .NET
	"pomelo": {Name: "AspNetCoreCache", Key: "Id"},
}

// PresetsOf returns the names of the presets for a table of that name, key and
// surrogate, sorted: several handlers may make the same table.
func PresetsOf(name, key, surrogate string) []string {
	var list []string
	for _, preset := range Presets() {
		if t := presets[preset]; t.Name == name && strings.EqualFold(t.Key, key) && strings.EqualFold(t.Surrogate, surrogate) {
			list = append(list, preset)
		}
	}
	return list
}

// Presets returns the names of the presets, sorted.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }
