package protocol

// Types of columns and parameters, as the protocol numbers them
// (enum_field_types of MySQL): those that the proxy tells apart.
const (
	TypeDecimal    = 0
	TypeTiny       = 1
	TypeShort      = 2
	TypeLong       = 3
	TypeFloat      = 4
	TypeDouble     = 5
	TypeNull       = 6
	TypeTimestamp  = 7
	TypeLongLong   = 8
	TypeInt24      = 9
	TypeDate       = 10
	TypeTime       = 11
	TypeDatetime   = 12
	TypeYear       = 13
	TypeJSON       = 245
	TypeNewDecimal = 246
	TypeTinyBlob   = 249 // the first of the four of which TypeBlob is the last
	TypeLongBlob   = 251
	TypeBlob       = 252
	TypeVarString  = 253
)
