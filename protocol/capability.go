package protocol

// offered is what every client is offered; CLIENT_SSL comes on top where TLS
// works. Whatever is not implemented is not offered: a client that is offered
// QUERY_ATTRIBUTES puts a prefix before its statements, one that is offered
// SESSION_TRACK wants another OK packet. LONG_PASSWORD tells MariaDB's clients
// that no MariaDB extensions follow in the greeting.
const offered = ClientLongPassword | ClientFoundRows | ClientLongFlag |
	ClientConnectWithDB | ClientODBC | ClientIgnoreSpace | ClientProtocol41 |
	ClientInteractive | ClientTransactions | ClientSecureConnection |
	ClientMultiStatements | ClientMultiResults | ClientPSMultiResults |
	ClientPluginAuth | ClientConnectAttrs | ClientPluginAuthLenEnc |
	ClientDeprecateEOF
