package main

import (
	"context"
	"errors"
	"os"
	"time"
)

// syncFile makes a published file or its folder durable. Tests watch it, and make it fail.
var syncFile = (*os.File).Sync

// fault is nil, or why this process may publish nothing more: the disk left a write unconfirmed.
func (p *program) fault() error {
	var errs []error
	for _, f := range p.faults {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// faultEvery is how often the server asks itself whether it may still publish.
const faultEvery = 250 * time.Millisecond

// watchDisk calls stop as soon as this process may publish nothing more: whoever started it starts another one, which reads what is really there.
func (p *program) watchDisk(ctx context.Context, stop func()) {
	tick := time.NewTicker(faultEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := p.fault(); err != nil {
			p.log.Error("stopping: the disk did not confirm a write", "error", err)
			stop()
			return
		}
	}
}
