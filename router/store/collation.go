package store

// Collation ids in a login are one byte. MariaDB and MySQL agree on most of
// those, but MySQL has some that MariaDB does not know, for which it would fall
// back to its own default charset, and so misread what the client sends.
const (
	utf8mb4GeneralCI = 45
	utf8mb3GeneralCI = 33
	gbkChineseCI     = 28
)

// mapCollation returns the id to log in with: 0, "the default", becomes
// utf8mb4, and what the server does not know becomes a collation of the same
// charset.
func mapCollation(id uint8, mariaDB bool) uint8 {
	if id == 0 {
		return utf8mb4GeneralCI
	}
	if !mariaDB {
		return id
	}
	switch {
	case id == 255: // utf8mb4_0900_ai_ci, the default of MySQL 8 clients
		return utf8mb4GeneralCI
	case id >= 248 && id <= 250: // gb18030, whose two-byte characters are gbk's
		return gbkChineseCI
	case id == 76: // utf8mb3_tolower_ci
		return utf8mb3GeneralCI
	case id > 250:
		return utf8mb4GeneralCI
	}
	return id
}
