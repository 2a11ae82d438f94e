package conf

import (
	"maps"
	"slices"
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
	"codeigniter":        {Name: "ci_sessions", Key: "id"},
	"codeigniter3":       {Name: "ci_sessions", Key: "id"},
	"codeigniter4":       {Name: "ci_sessions", Key: "id"},
	"drupal":             {Name: "sessions", Key: "sid"},
	"joomla":             {Name: "jos_session", Key: "session_id"},
	"laminas":            {Name: "session", Key: "id"},
	"laravel":            {Name: "sessions", Key: "id"},
	"magento1":           {Name: "core_session", Key: "session_id"},
	"magento2":           {Name: "session", Key: "session_id"},
	"matomo":             {Name: "matomo_session", Key: "id"},
	"mediawiki":          {Name: "objectcache", Key: "keyname"},
	"moodle":             {Name: "mdl_sessions", Key: "sid", Surrogate: "id"},
	"opencart":           {Name: "oc_session", Key: "session_id"},
	"openmage":           {Name: "core_session", Key: "session_id"},
	"roundcube":          {Name: "session", Key: "sess_id"},
	"sprain":             {Name: "session_handler_table", Key: "id", Columns: []string{"id", "data", "timestamp"}},
	"symfony":            {Name: "sessions", Key: "sess_id"},
	"typo3":              {Name: "fe_sessions", Key: "ses_id"},
	"typo3-backend":      {Name: "be_sessions", Key: "ses_id"},
	"woocommerce":        {Name: "wp_woocommerce_sessions", Key: "session_key", Surrogate: "session_id"},
	"wordpress":          {Name: "wp_sm_sessions", Key: "session_key"},
	"wp-session-manager": {Name: "wp_sm_sessions", Key: "session_key"},
	"yii2":               {Name: "session", Key: "id"},
	"zebra":              {Name: "session_data", Key: "session_id"},
	"zend1":              {Name: "session", Key: "id"},
	// Python
	"beaker":        {Name: "beaker_cache", Key: "namespace", Surrogate: "id"},
	"django":        {Name: "django_session", Key: "session_key"},
	"flask-session": {Name: "sessions", Key: "session_id", Surrogate: "id"},
	// Ruby
	"rails":  {Name: "sessions", Key: "session_id", Surrogate: "id"},
	"sequel": {Name: "sessions", Key: "sid", Surrogate: "id"},
	// Perl
	"apache-session": {Name: "sessions", Key: "id"},
	"cgi-session":    {Name: "sessions", Key: "id"},
	// Node.js
	"connect-session-knex":      {Name: "sessions", Key: "sid"},
	"connect-session-sequelize": {Name: "Sessions", Key: "sid"},
	"connect-typeorm":           {Name: "session", Key: "id"},
	"express-mysql-session":     {Name: "sessions", Key: "session_id"},
	"keyv":                      {Name: "keyv", Key: "id"},
	"koa-mysql-session":         {Name: "_mysql_session_store", Key: "id"},
	// Java
	"jetty":  {Name: "JettySessions", Key: "sessionId"},
	"tomcat": {Name: "tomcat$sessions", Key: "id"},
	// Go
	"beego": {Name: "session", Key: "session_key"},
	"fiber": {Name: "fiber_storage", Key: "k"},
	"scs":   {Name: "sessions", Key: "token"},
	// .NET
	"pomelo": {Name: "AspNetCoreCache", Key: "Id"},
}

// Presets returns the names of the presets, sorted.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }
