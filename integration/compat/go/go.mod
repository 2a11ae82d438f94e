module github.com/dsmproxy/dsmproxy/integration/compat/go

go 1.26

require (
	gitea.com/go-chi/session v0.0.0-20260708011333-ebced8a7a2d6
	github.com/alexedwards/scs/mysqlstore v0.0.0-20250417082927-ab20b3feb5e9
	github.com/alexedwards/scs/v2 v2.9.0
	github.com/go-sql-driver/mysql v1.10.1
)

require (
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	golang.org/x/text v0.20.0 // indirect
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/gorilla/securecookie v1.1.2
	github.com/gorilla/sessions v1.4.0
	github.com/wader/gormstore/v2 v2.0.3
	gorm.io/driver/mysql v1.6.0
	gorm.io/gorm v1.31.2
)
