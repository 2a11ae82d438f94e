// Package compat proves dsmproxy with other people's code: the test suite of a
// MySQL driver, session handlers from their own packages in six languages,
// and a load generator. Each runs against a plain server first; what works
// there has to work through the proxy, and every difference that is known
// stands here with its reason.
//
// It is apart from package integration, for it installs much more. "make
// compat" runs it, with the build tag compat, and "make test" runs that last.
package compat
