//go:build tools

// Package nsq names the programs that .ci/run builds, so that go.mod keeps their modules.
package nsq

import (
	_ "github.com/nsqio/nsq/apps/nsqadmin"
	_ "github.com/nsqio/nsq/apps/nsqd"
	_ "github.com/nsqio/nsq/apps/nsqlookupd"
)
