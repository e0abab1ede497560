// Package tools pins the etcd server that the local cluster and the test planes run.
package tools

import _ "go.etcd.io/etcd/server/v3/etcdmain"
