//go:build race

package protocol

// raceDetector: the race detector makes sync.Pool forget at random, so that
// allocations can't be counted.
const raceDetector = true
