// Package router is one client's MySQL session: its state, its statements, its
// transactions. It implements protocol.Handler and carries each plan out.
package router
