// Package fence is the replication protocol of the levels safe and strict:
// linearizable reads and writes of each key over stores that know nothing of
// each other, for any number of proxies that know nothing of each other
// either. Package router/view has its algebra; this package does the talking.
//
// Its type is Group: all stores as one. A Group reads a key at the key's
// primary, writes there and carries the record to the other targets; it finds
// out who is up, agrees on that with the other proxies through registers that
// lie in the stores, and brings stores that come back up to date. It sees no
// SQL: a statement is handed on to a Store as it is, and its answer stays with
// it. It reads no clock and starts no goroutine but through its Env, so that
// the simulator of this package's tests runs this very code.
//
// # How it is safe
//
// Each transaction at a store is fenced: it commits only while the store's own
// register equals the view that the proxy acts in. A view counts once a
// majority of the voters holds it. So a write that was acknowledged in a view
// is on all targets of that view, and none of an older view can be
// acknowledged once one target has moved on. A primary that can prove to have
// been a target ever since (it is settled) has the newest version; one that
// can't asks all stores (settle.go). A version that may be on the primary alone
// is put on the other targets before anybody sees it (help, in read.go). What
// remains is a proxy that has not heard of a newer view and reads from a store
// that has not either: at the level safe, a lease, which writers outwait; at
// the level strict, a majority asked beside each read; with the solo quorum the
// fence itself, as an owner's term is on all stores.
//
// What a store has said may be forgotten only where that is found out. A store
// that may have lost something is not believed (admit.go), nor is one that has
// gone back in time, which the others remember (ticks.go); and what others than
// the one who wrote it make use of is on the disk first: images, pushes, views
// that are new (store.go).
//
// # Where things are
//
//	store.go     what a store must be able to do: the contract of the adaptor
//	register.go  rounds, refresh, proposals; quorum.go when a view counts
//	current.go   the view to act in: leases, the owner's term, the checks of strict
//	read.go write.go resolve.go settle.go put.go clean.go   operations on keys
//	survey.go         reads of all records
//	txn.go hold.go    transactions and named locks
//	keep.go admit.go ticks.go  failures, exclusion, restarts, amnesia, return
//	members.go        what concerns the tables themselves
//	mend.go heal.go walk.go tombs.go   copies made equal, and what is left over
//	status.go operator.go drain.go   what an operator sees and may do
package fence
