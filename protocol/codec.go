package protocol

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// codec is an algorithm of the compressed protocol. Its compressors and
// decompressors are large and serve all connections from pools: one is out
// only while a frame is being made or read.
type codec interface {
	// compress appends src, compressed, to dst, unless that takes limit bytes
	// or more.
	compress(dst, src []byte, limit int) (out []byte, ok bool)
	// open returns a reader of what src holds compressed; close takes it back.
	open(src *bytes.Reader) (io.Reader, error)
	close(r io.Reader)
}

// codecs are what a Server's clients compress with.
type codecs struct {
	zlib zlibCodec
	zstd [len(zstdLevels)]zstdCodec // by zstdStrength
}

func (c *codecs) init() {
	for i := range c.zstd {
		c.zstd[i].level = zstdLevels[i]
	}
}

// forClient is what the capabilities agree on; nil for none. A client that
// asks for both gets zlib, as from MySQL.
func (c *codecs) forClient(caps Capability, level byte) codec {
	switch {
	case caps.Has(ClientCompress):
		return &c.zlib
	case caps.Has(ClientZstdCompression):
		return &c.zstd[zstdStrength(level)]
	}
	return nil
}

// zlibLevel costs half of what MySQL's level 6 does and saves nearly as much.
const zlibLevel = 3

type zlibCodec struct{ writers, readers sync.Pool }

// zlibWriter is a compressor with the buffer that it writes to.
type zlibWriter struct {
	w   *zlib.Writer
	out []byte
	max int
}

var errIncompressible = errors.New("does not get shorter")

// Write implements io.Writer for the compressor.
func (z *zlibWriter) Write(p []byte) (int, error) {
	if len(z.out)+len(p) >= z.max {
		return 0, errIncompressible
	}
	z.out = append(z.out, p...)
	return len(p), nil
}

func (c *zlibCodec) compress(dst, src []byte, limit int) ([]byte, bool) {
	z, _ := c.writers.Get().(*zlibWriter)
	if z == nil {
		z = &zlibWriter{}
		z.w, _ = zlib.NewWriterLevel(z, zlibLevel) // fails for a wrong level alone
	}
	z.out, z.max = dst, len(dst)+limit
	z.w.Reset(z)
	_, err := z.w.Write(src)
	if err == nil {
		err = z.w.Close()
	}
	out := z.out
	z.out = nil
	c.writers.Put(z)
	return out, err == nil
}

func (c *zlibCodec) open(src *bytes.Reader) (io.Reader, error) {
	r, ok := c.readers.Get().(io.ReadCloser)
	if !ok {
		return zlib.NewReader(src)
	}
	if err := r.(zlib.Resetter).Reset(src, nil); err != nil {
		c.readers.Put(r)
		return nil, err
	}
	return r, nil
}

func (c *zlibCodec) close(r io.Reader) { c.readers.Put(r) }

// zstdStrength maps the level that a client asks for (1 to 22, 3 by default) to
// what is made of it: the slowest levels would have one client's answers take
// all of the proxy's time.
func zstdStrength(level byte) int {
	switch {
	case level > 6:
		return 2
	case level > 2:
		return 1
	}
	return 0
}

var zstdLevels = [...]zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault, zstd.SpeedBetterCompression}

// zstdWindow bounds what a decompressor keeps: a frame's content is less.
const zstdWindow = 1 << 24

type zstdCodec struct {
	level             zstd.EncoderLevel
	encoders, readers sync.Pool
}

func (c *zstdCodec) compress(dst, src []byte, limit int) ([]byte, bool) {
	e, ok := c.encoders.Get().(*zstd.Encoder)
	if !ok {
		var err error
		e, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(c.level), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(maxPiece), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
		if err != nil {
			return dst, false
		}
	}
	out := e.EncodeAll(src, dst)
	c.encoders.Put(e)
	return out, len(out)-len(dst) < limit
}

func (c *zstdCodec) open(src *bytes.Reader) (io.Reader, error) {
	r, ok := c.readers.Get().(*zstd.Decoder)
	if !ok {
		// With a concurrency of 1 it has no goroutines, and may be dropped.
		return zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecodeBuffersBelow(0))
	}
	if err := r.Reset(src); err != nil {
		c.readers.Put(r)
		return nil, err
	}
	return r, nil
}

func (c *zstdCodec) close(r io.Reader) {
	if d, ok := r.(*zstd.Decoder); ok && d.Reset(nil) == nil {
		c.readers.Put(d)
	}
}
