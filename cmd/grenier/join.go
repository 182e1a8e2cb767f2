package main

import (
	"io"
	"net"
	"sync"
	"time"
)

const (
	// httpBuffer is the size of the buffer through which net/http writes an answer: a write of as many bytes says that it was full, and that the rest
	// follows at once.
	httpBuffer = 4 << 10
	lastWords  = 5 * time.Second // for the end of an answer to leave, when the connection closes
)

// A joiner is a listener whose connections send at once what net/http writes in two: the headers with the beginning of a page, and the rest of it. It
// halves what a page of more than four kilobytes costs in system calls and wake-ups, here and at the reader's.
type joiner struct{ net.Listener }

// Accept implements net.Listener.
func (l joiner) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return &joined{TCPConn: tcp}, nil
	}
	return c, err
}

// A joined connection holds back a write that fills net/http's buffer, until the next one, or until the server turns to reading: that is what it does at
// the end of each answer. (A handler that flushes by pieces may see one of exactly that size leave with the next.) Files still go from the disk to the network by themselves (ReadFrom).
type joined struct {
	*net.TCPConn
	mu    sync.Mutex
	held  *[httpBuffer]byte // not sent yet; nil when nothing is
	parts [2][]byte
}

var heldBuffers = sync.Pool{New: func() any { return new([httpBuffer]byte) }}

// Write sends p with what was held back, or holds p back.
func (c *joined) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		if len(p) != httpBuffer {
			return c.TCPConn.Write(p)
		}
		c.held = heldBuffers.Get().(*[httpBuffer]byte)
		return copy(c.held[:], p), nil
	}
	c.parts = [2][]byte{c.held[:], p}
	all := net.Buffers(c.parts[:])
	n, err := all.WriteTo(c.TCPConn)
	c.let()
	return max(0, int(n)-httpBuffer), err
}

// let gives the buffer back.
func (c *joined) let() {
	heldBuffers.Put(c.held)
	c.held, c.parts = nil, [2][]byte{}
}

// flush sends what is held back, unless a write is under way, which does. An error shows at the next use of the connection.
func (c *joined) flush() {
	if !c.mu.TryLock() {
		return
	}
	defer c.mu.Unlock()
	if c.held != nil {
		_, _ = c.TCPConn.Write(c.held[:])
		c.let()
	}
}

// ReadFrom sends a file from the disk, after its headers.
func (c *joined) ReadFrom(r io.Reader) (int64, error) {
	c.flush()
	return c.TCPConn.ReadFrom(r)
}

// Read implements net.Conn.
func (c *joined) Read(p []byte) (int, error) {
	c.flush()
	return c.TCPConn.Read(p)
}

// SetReadDeadline implements net.Conn. The server sets one after each answer.
func (c *joined) SetReadDeadline(t time.Time) error {
	c.flush()
	return c.TCPConn.SetReadDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *joined) SetDeadline(t time.Time) error {
	c.flush()
	return c.TCPConn.SetDeadline(t)
}

// CloseWrite ends the answer.
func (c *joined) CloseWrite() error {
	c.flush()
	return c.TCPConn.CloseWrite()
}

// Close implements net.Conn. It does not wait for a write under way, which it ends.
func (c *joined) Close() error {
	if c.mu.TryLock() {
		held := c.held != nil
		c.mu.Unlock()
		if held {
			_ = c.TCPConn.SetWriteDeadline(time.Now().Add(lastWords)) // the connection is over either way
			c.flush()
		}
	}
	return c.TCPConn.Close()
}
